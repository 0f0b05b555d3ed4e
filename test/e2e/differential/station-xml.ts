/** What differs between the icecast.xml of the two servers. */
export interface StationXml {
  readonly port: number;
  /** Where both may write; each has its own. */
  readonly folder: string;
  /** Where Debian keeps Icecast's pages. */
  readonly share: string;
  /** Of the authentication server. */
  readonly authUrl: string;
}

export const sourcePassword = "hackme";
export const adminPassword = "adminpw";
export const relayPassword = "relayme";

export const stationXml = ({ port, folder, share, authUrl }: StationXml): string => `<icecast>
  <location>Testland</location><admin>ops@example.org</admin>
  <hostname>radio.example</hostname>
  <limits>
    <clients>200</clients><sources>20</sources><queue-size>524288</queue-size>
    <client-timeout>5</client-timeout><header-timeout>3</header-timeout><source-timeout>10</source-timeout>
    <burst-on-connect>1</burst-on-connect><burst-size>65535</burst-size>
  </limits>
  <authentication>
    <source-password>${sourcePassword}</source-password>
    <relay-user>relay</relay-user><relay-password>${relayPassword}</relay-password>
    <admin-user>admin</admin-user><admin-password>${adminPassword}</admin-password>
  </authentication>
  <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address><shoutcast-mount>/sc.mp3</shoutcast-mount></listen-socket>
  <http-headers><header name="Access-Control-Allow-Origin" value="*"/><header name="X-Robots-Tag" value="noindex"/></http-headers>
  <mount type="normal"><mount-name>/one.mp3</mount-name><max-listeners>1</max-listeners></mount>
  <mount type="normal"><mount-name>/hidden.mp3</mount-name><hidden>1</hidden><stream-name>Named here</stream-name></mount>
  <mount type="normal"><mount-name>/nobody.mp3</mount-name><no-mount>1</no-mount></mount>
  <mount type="normal"><mount-name>/own.mp3</mount-name><username>dj</username><password>djpw</password><mp3-metadata-interval>4096</mp3-metadata-interval></mount>
  <mount type="normal"><mount-name>/auth.mp3</mount-name>
    <authentication type="htpasswd">
      <option name="filename" value="${folder}/htpasswd"/><option name="allow_duplicate_users" value="0"/>
    </authentication>
  </mount>
  <mount type="normal"><mount-name>/url.mp3</mount-name>
    <authentication type="url">
      <option name="listener_add" value="${authUrl}/ladd"/><option name="listener_remove" value="${authUrl}/lrem"/>
      <option name="mount_add" value="${authUrl}/madd"/><option name="mount_remove" value="${authUrl}/mrem"/>
      <option name="stream_auth" value="${authUrl}/sauth"/>
      <option name="headers" value="x-test,referer"/><option name="header_prefix" value="ClientHeader."/>
    </authentication>
  </mount>
  <fileserve>0</fileserve>
  <paths>
    <basedir>${share}</basedir><logdir>${folder}</logdir><webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot>
    <alias source="/" destination="/status-json.xsl"/><alias source="/radio" destination="/a.mp3"/>
  </paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><playlistlog>playlist.log</playlistlog><loglevel>1</loglevel></logging>
  <security><chroot>0</chroot><changeowner><user>icecast2</user><group>icecast</group></changeowner></security>
</icecast>
`;

/** Another for both: limits that are soon reached, a fallback, a webroot. */
export const smallStationXml = ({ port, folder, share }: Omit<StationXml, "authUrl">): string => `<icecast>
  <location>Testland</location><admin>ops@example.org</admin>
  <hostname>radio.example</hostname>
  <limits>
    <clients>50</clients><sources>3</sources>
    <client-timeout>5</client-timeout><header-timeout>3</header-timeout><source-timeout>4</source-timeout>
    <burst-size>65535</burst-size>
  </limits>
  <authentication>
    <source-password>${sourcePassword}</source-password>
    <admin-user>admin</admin-user><admin-password>${adminPassword}</admin-password>
  </authentication>
  <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address><shoutcast-mount>/sc.mp3</shoutcast-mount></listen-socket>
  <http-headers><header name="Access-Control-Allow-Origin" value="*"/></http-headers>
  <mount type="normal"><mount-name>/live.mp3</mount-name><fallback-mount>/backup.mp3</fallback-mount><fallback-override>1</fallback-override></mount>
  <fileserve>1</fileserve>
  <paths>
    <basedir>${share}</basedir><logdir>${folder}</logdir><webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot>
    <alias source="/look" destination="/style.css"/>
  </paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>1</loglevel></logging>
  <security><chroot>0</chroot><changeowner><user>icecast2</user><group>icecast</group></changeowner></security>
</icecast>
`;
