import { detectAll } from "jschardet";

/**
 * Text whose bytes were written in an encoding that nothing names: ID3v1, and ID3v2 frames that claim to be Latin-1. What
 * is sure is told by rules (UTF-8, kana, accents amid ASCII letters), the rest by jschardet among the encodings that
 * music collections hold, corrected where it takes kanji for hangul.
 */
type Label = "utf-8" | "euc-kr" | "shift_jis" | "euc-jp" | "windows-1251" | "windows-1252";

/** jschardet's names of the encodings that count, and the Encoding Standard's of the superset that reads each. */
const LABELS: Readonly<Record<string, Label>> = {
  cp949: "euc-kr",
  "euc-kr": "euc-kr",
  cp932: "shift_jis",
  shift_jis: "shift_jis",
  "euc-jp": "euc-jp",
  "windows-1251": "windows-1251",
  "windows-1252": "windows-1252",
};
const DETECTED = Object.keys(LABELS);

const KANA = /[\u3041-\u30fa]/u;
const PAIRED = ["euc-kr", "shift_jis", "euc-jp"] as const;
const ID3V1_FIELD_BYTES = 30;
const NEWLINE = Uint8Array.of(10);
const HAN_ONLY_LETTERS = /^[\p{Script=Han}\p{P}\p{S}\p{N}\p{Z}A-Za-z々\n]*$/u;

/**
 * Fields of one file that were read as Latin-1, each as its encoding has it; one encoding is taken for all, since one
 * program wrote them. Text with letters beyond Latin-1 was read rightly and stays.
 */
export function repairLegacyText(fields: readonly string[]): string[] {
  const legacy = fields.filter(isLegacy);
  if (legacy.length === 0) return [...fields];
  const whole = legacy.map((field) => wholeLetters(Buffer.from(field, "latin1")));
  const label = guessEncoding(
    Buffer.concat(whole.flatMap((bytes, i) => (i === 0 ? [bytes] : [NEWLINE, bytes]))),
  );
  return fields.map((field) => (isLegacy(field) ? decodeAs(Buffer.from(field, "latin1"), label) : field));
}

/** The encoding that the bytes of a short text are most likely in. ASCII is UTF-8. */
export function guessEncoding(bytes: Uint8Array): Label {
  const utf8 = decodeStrictly(bytes, "utf-8");
  if (utf8 !== null && !isChanceUtf8(utf8)) return "utf-8";
  if (hasOnlyLoneAccents(bytes)) return "windows-1252";
  const shiftJis = decodeStrictly(bytes, "shift_jis");
  if (shiftJis !== null && KANA.test(shiftJis)) return "shift_jis";
  const eucJp = decodeStrictly(bytes, "euc-jp");
  if (eucJp !== null && KANA.test(eucJp)) return "euc-jp";
  const detected = detectedEncoding(bytes);
  if (eucJp === null || (detected !== "euc-kr" && detected !== "euc-jp")) return detected;
  return kanjiOrHangul(bytes, eucJp) ?? detected;
}

const isLegacy = (field: string): boolean => {
  let high = false;
  for (let i = 0; i < field.length; i++) {
    const code = field.charCodeAt(i);
    if (code > 0xff) return false;
    if (code > 0x7f) high = true;
  }
  return high;
};

function detectedEncoding(bytes: Uint8Array): Label {
  for (const { encoding } of detectAll(bytes, { detectEncodings: DETECTED, minimumThreshold: 0 })) {
    const label = LABELS[encoding?.toLowerCase() ?? ""];
    if (label && decodeStrictly(bytes, label) !== null) return label;
  }
  return "windows-1252";
}

/** The text, or null when it is not valid. */
function decodeStrictly(bytes: Uint8Array, label: Label): string | null {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

const decodeAs = (bytes: Uint8Array, label: Label): string =>
  decodeStrictly(bytes, label) ?? new TextDecoder(label).decode(bytes).replaceAll("\ufffd", "");

/**
 * Bytes of a field without what is left of a letter that the end of an ID3v1 field cut in two: of those above ASCII at
 * the end, the last one where their number is odd. What belongs to no pair, as accents, is no worse for a letter.
 */
function wholeLetters(field: Uint8Array): Uint8Array {
  if (field.length !== ID3V1_FIELD_BYTES) return field;
  const last = field.at(-1) ?? 0;
  if (last < 0x80) return field;
  const shorter = field.subarray(0, -1);
  return PAIRED.some(
    (label) => decodeStrictly(field, label) === null && decodeStrictly(shorter, label) !== null,
  ) && !PAIRED.some((label) => decodeStrictly(field, label) !== null)
    ? shorter
    : field;
}

/** Two or fewer letters that UTF-8 writes with bytes 0xc2-0xc8, and no ASCII letter: as often two hangul. */
const isChanceUtf8 = (text: string): boolean =>
  !/[A-Za-z]/u.test(text) && /^[\u0080-\u023f\s\p{P}]{1,3}$/u.test(text) && /[\u0080-\u023f]/u.test(text);

/** Each byte above ASCII is a letter with an ASCII letter beside it, as accents in western languages stand: "Beyoncé". */
function hasOnlyLoneAccents(bytes: Uint8Array): boolean {
  let letters = 0;
  for (const byte of bytes) if (isAsciiLetter(byte)) letters++;
  if (letters < 2) return false;
  return bytes.every((byte, i) => {
    if (byte < 0x80) return true;
    const before = bytes[i - 1] ?? 0x20;
    const after = bytes[i + 1] ?? 0x20;
    if (before > 0x7f || after > 0x7f) return false;
    if (byte === 0x92) return isAsciiLetter(before);
    return byte >= 0xc0 && (isAsciiLetter(before) || (isAsciiLetter(after) && letters > 2));
  });
}

const isAsciiLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;

/**
 * Kanji without kana in EUC-JP are valid EUC-KR and the other way round: hangul stand where EUC-JP has the first third of
 * its kanji. Titles are of common syllables or of common kanji. Null where that does not tell.
 */
function kanjiOrHangul(bytes: Uint8Array, eucJp: string): "euc-jp" | "euc-kr" | null {
  const korean = decodeStrictly(bytes, "euc-kr");
  if (korean === null || !HAN_ONLY_LETTERS.test(eucJp)) return null;
  const lead = share(korean, COMMON_HANGUL) - share(eucJp, COMMON_KANJI);
  if (lead === 0) return null;
  return lead > 0 ? "euc-kr" : "euc-jp";
}

/** How many of the letters beyond ASCII are of `common`, 0 to 1. */
function share(text: string, common: ReadonlySet<string>): number {
  const letters = Array.from(text).filter((letter) => letter > "\u007f" && /\p{L}/u.test(letter));
  return letters.filter((letter) => common.has(letter)).length / Math.max(1, letters.length);
}

/** Syllables that most of Korean song titles and names are made of. */
const COMMON_HANGUL = new Set(
  "가각간갈감갑강같개거건걸검겁것게겨격결경계고곡곤골곳공과관광괜교구국군굴귀그극근글금급기긴길김까깨꺼께꼬꼭꽃꾸꿈끝끼나난날남낭낮내냐" +
    "너넌널넘네녀년노녹논놀누눈눌뉴느는늘능니님다단달담당대댄더던덕데도독돈돌동되된두둘뒤드든들듯등디딩따딸때떠떤또뜨라락란람랑래랜량" +
    "러런럼레려련렬령로록론롱루류르른를름리린림립링마막만말맘망맞매머먼멀메며면명모목몰몸못몽무묵문물뭐미민밀밑바박반발밤방배백뱅버번벌범" +
    "법벚베벤벨별병보복본볼봄부북분불붉브블비빈빌빗빛빠뻐뿐사산살삼상새색샘생서석선설섬성세센셀소속손솔송쇼수숙순술숨슈스슬승시식신실심" +
    "싱싶싸쌍써씨아악안앉않알암앞애액야약양어언얼엄없에엔엘여역연열염엽영옆예오온올옷와완왜외요욕용우운울움웃원월위유육윤으은을음응의이" +
    "익인일잃임입잇있잊자작잔잘잠장재저적전절점정제져조족존좋좌죄주준줄중즈즐지직진질집짓짝차착찬참창찾책챔처천첫청체초촌총최추춘출춤취" +
    "치친침카칸커케코콘콜쿠쿨크큰클키킹타탄탈탐태터테텐토톰통투트특티틱파판팔패퍼펀페편평폐포폭표푸품풍프플피픽핀하학한할함합항해핸햇행" +
    "향허헤혀현혜호혼홀홍화환황회후훈휘흐흑흔흘희히힘",
);

/** Kanji that most of Japanese song titles and names are made of. */
const COMMON_KANJI = new Set(
  "愛悪安暗以位衣意一雨運雲永泳英映栄円園遠応横岡屋沖恩音下化加可花家歌火何夏河荷華歌我芽雅回会海界絵開階外街角学楽覚活葛乾間寒感" +
    "関観岸丸岩願顔希帰期気機記貴起鬼久休吸宮急球究旧牛去京供共境強教橋狂胸鏡業曲極玉近金銀九君軍兄形恵敬景月結血見建研県犬謙元原言" +
    "古呼孤湖五午後語光公口向好幸広恒紅航高克告国黒今根魂佐砂最歳祭細菜坂崎作昨咲桜察雑三山参散残使司史四士始姉子市思指止死私糸詩時" +
    "次治自識七質実写者社若主取手酒秋終集十住重夜出春瞬初書女少小昭勝唱松招章笑証乗常情場色心新森深神真親身人尋水酔数世瀬星晴正清生" +
    "聖西青静石赤雪切接節説千川戦泉浅船前善全想早相窓草蒼走送像蔵側速足村他多打太体待台大滝沢谷誰男知地池中仲昼虫町長鳥朝潮調通津辻" +
    "椿坪弟庭敵天店転点田伝渡登都努土冬島東桃灯当等闘動同道徳独読届奈内南二日入任年念燃之脳農波馬背配白泊箱畑八発髪伴浜飛悲美尾微鼻" +
    "必姫百標氷風福服物分文平別辺返変歩母方宝法砲房望北木本毎末万満味岬未無夢霧娘明鳴命面毛目門問野弥矢約薬友優勇有由遊夕予余洋葉踊" +
    "陽様来雷落利理里離立流竜旅両緑輪林涙麗令冷礼列恋路浪老郎六和話湾腕俺嵐蝶虹翼扉奏繋瞳鐘縁唄鉄侍粉津軽峡測残酷裸足宇米玄師杯",
);
