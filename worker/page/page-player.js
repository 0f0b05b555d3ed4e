// @ts-check

/**
 * Where a stream is shown that plays.
 * @typedef {{ readonly path: string, showState(state: PlayState): void, showVolume(volume: number): void }} Card
 */
/** @typedef {"idle" | "connecting" | "playing" | "stalled" | "retrying" | "failed"} PlayState */

/** A stream that breaks is opened again after 1, 2, 4, 8 and 8 s; then the listener decides. */
const retries = 5;
const slowestRetryMs = 8_000;

/** One stream at a time. A live stream is never paused: stopping closes it, playing opens it at the live edge. */
export class Player {
  /** @type {HTMLAudioElement | null} */
  #audio = null;
  /** @type {Card | null} */
  #card = null;
  #failures = 0;
  #volume = storedVolume();
  /** @type {number | undefined} */
  #retry;

  get card() {
    return this.#card;
  }

  /** @param {Card} card */
  toggle(card) {
    const wasActive = this.#card === card;
    this.stop();
    if (wasActive) return;
    this.#card = card;
    this.#failures = 0;
    card.showVolume(this.#volume);
    this.#open();
  }

  stop() {
    clearTimeout(this.#retry);
    this.#close();
    const card = this.#card;
    this.#card = null;
    card?.showState("idle");
  }

  /** @param {number} volume 0 to 100 */
  setVolume(volume) {
    this.#volume = volume;
    if (this.#audio) this.#audio.volume = volume / 100;
    try {
      localStorage.setItem("volume", String(volume));
    } catch {
      // Private windows may refuse; the volume then lasts as long as the page.
    }
  }

  #open() {
    const card = this.#card;
    if (!card) return;
    const audio = new Audio();
    this.#audio = audio;
    audio.volume = this.#volume / 100;
    audio.preload = "none";
    /** @param {string} event @param {() => void} act */
    const on = (event, act) => audio.addEventListener(event, () => this.#audio === audio && act());
    on("playing", () => {
      this.#failures = 0;
      card.showState("playing");
    });
    on("waiting", () => card.showState(audio.currentTime > 0 ? "stalled" : "connecting"));
    // The keyboard's or the headset's pause key: a live stream has nothing to go back to.
    on("pause", () => !audio.ended && !audio.error && this.stop());
    on("ended", () => this.#fail());
    on("error", () => this.#fail());
    card.showState(this.#failures > 0 ? "retrying" : "connecting");
    audio.src = card.path;
    // What goes wrong here comes as an event too, except a browser that refuses to play at all.
    audio.play().catch((/** @type {unknown} */ error) => {
      if (this.#audio === audio && error instanceof DOMException && error.name === "NotAllowedError")
        this.#fail();
    });
  }

  #fail() {
    this.#close();
    this.#failures++;
    if (this.#failures > retries) {
      this.#card?.showState("failed");
      return;
    }
    this.#card?.showState("retrying");
    const waitMs = Math.min(slowestRetryMs, 1000 * 2 ** (this.#failures - 1));
    this.#retry = setTimeout(() => this.#open(), waitMs);
  }

  /** Without its source removed, a paused element goes on downloading. */
  #close() {
    const audio = this.#audio;
    this.#audio = null;
    if (!audio) return;
    audio.pause();
    audio.removeAttribute("src");
    audio.load();
  }
}

function storedVolume() {
  try {
    const stored = Number(localStorage.getItem("volume") ?? 100);
    return stored >= 0 && stored <= 100 ? stored : 100;
  } catch {
    return 100;
  }
}
