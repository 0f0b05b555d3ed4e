// @ts-check
/* The console's words. English is what is written in the code; Korean stands here, found by the English. */

/** @type {Readonly<Record<string, string>>} */
const korean = {
  "Skip to the streams": "스트림으로 건너뛰기",
  Console: "관리 콘솔",
  "On air": "방송 중",
  Log: "기록",
  Server: "서버",
  "Public page": "공개 페이지",
  Listening: "청취 중",
  listening: "명 청취 중",
  "Listeners so far": "누적 청취자",
  Sent: "전송량",
  "No source is connected. Streams appear here as soon as one is.":
    "연결된 소스가 없습니다. 소스가 연결되면 여기에 나타납니다.",
  "Off the air": "방송하지 않는 마운트",
  "What administrators did, the newest first.": "관리자가 한 일을 최근 것부터 보여 줍니다.",
  When: "시각",
  Who: "사용자",
  What: "작업",
  From: "주소",
  "Nothing yet.": "아직 없습니다.",
  Users: "사용자",
  Cancel: "취소",
  Hidden: "숨김",
  "On air for": "방송 시간",
  Peak: "최고 청취자",
  Sound: "음질",
  Source: "소스",
  Fallback: "대체 방송",
  Title: "제목",
  "Set title": "제목 설정",
  Listeners: "청취자",
  Player: "플레이어",
  Address: "주소",
  Country: "국가",
  For: "시간",
  Actions: "작업",
  "Nobody listens.": "청취자가 없습니다.",
  "Move, fall back, disconnect": "이동, 대체 방송, 연결 끊기",
  "Move all listeners to": "모든 청취자를 옮길 곳",
  Move: "옮기기",
  "When the source goes, play": "소스가 끊기면 들려줄 방송",
  Set: "설정",
  "Disconnect the source": "소스 연결 끊기",
  "Listener accounts": "청취자 계정",
  Name: "이름",
  Password: "비밀번호",
  Add: "추가",
  Delete: "삭제",
  Kick: "내보내기",
  "No title yet": "아직 제목이 없습니다",
  none: "없음",
  unknown: "알 수 없음",
  "As in the settings": "설정대로",
  "Move to…": "옮길 곳…",
  Sections: "메뉴",
  "Showing {0} of {1} listeners.": "청취자 {1}명 중 {0}명을 보여 줍니다.",
  "Disconnect the source of {0}? Its encoder may come back at once.":
    "{0}의 소스 연결을 끊을까요? 인코더가 곧바로 다시 연결할 수 있습니다.",
  Disconnect: "연결 끊기",
  "Move everybody from {0} to {1}?": "{0}의 모든 청취자를 {1}(으)로 옮길까요?",
  "Delete the account {0}? Who listens with it goes on until they leave.":
    "{0} 계정을 삭제할까요? 지금 듣고 있는 청취자는 나갈 때까지 계속 들을 수 있습니다.",
  "Kick {0}": "{0} 내보내기",
  "Move {0}": "{0} 옮기기",
  "Delete {0}": "{0} 삭제",
  "Title set": "제목을 설정했습니다",
  "Listener removed": "청취자를 내보냈습니다",
  "Listener has left already": "이미 나간 청취자입니다",
  "Listener moved": "청취자를 옮겼습니다",
  "Listeners moved": "청취자를 옮겼습니다",
  "Source disconnected": "소스 연결을 끊었습니다",
  "Fallback set": "대체 방송을 설정했습니다",
  "Account added": "계정을 추가했습니다",
  "Account deleted": "계정을 삭제했습니다",
  "There is an account of that name": "같은 이름의 계정이 있습니다",
  "That did not work: {0}": "실패했습니다: {0}",
  "The station cannot be reached. Trying again…": "방송국에 연결할 수 없습니다. 다시 시도합니다…",
  "You have been logged out. Load the page again.": "로그아웃되었습니다. 페이지를 다시 불러오세요.",
  Host: "호스트",
  "Sources connect to": "소스 접속 주소",
  Location: "위치",
  Contact: "연락처",
  "Tells tools it is": "도구에 알리는 버전",
  "Up since": "시작 시각",
  "{0} listening": "{0}명 청취 중",
};

/** Whether the browser's user would rather read Korean. */
export const isKorean = navigator.language.toLowerCase().startsWith("ko");

/**
 * The words in the user's language; `{0}`, `{1}` are what follows.
 * @param {string} english
 * @param {...string} parts
 */
export const say = (english, ...parts) =>
  ((isKorean && korean[english]) || english).replace(/\{(\d)\}/g, (_, index) => parts[Number(index)] ?? "");

/** Translates what the document was sent with. @param {ParentNode} root */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) {
    const text = element.textContent?.trim() ?? "";
    if (isKorean && korean[text]) element.textContent = korean[text];
  }
}
