// Hears from the server that something has changed, for as long as the page is open and its token is fresh.
import { token } from "./tokens.js";

const AGAIN_AFTER = 60 * 1000; // where the server has refused to tell, after which browsers do not ask again

// `address` gives what to listen to, or nothing; `refused` is called each time that the server has refused to tell.
export function follow(address, changed, refused = () => {}) {
  let source;
  let again;

  function listen() {
    source?.close();
    clearTimeout(again);
    const told = address();
    if (!told) return;
    const asked = new URL(told, location.href);
    asked.searchParams.set("token", token());
    source = new EventSource(asked);
    source.addEventListener("change", changed);
    source.addEventListener("error", ({ target }) => {
      if (target !== source || target.readyState !== EventSource.CLOSED) return;
      again = setTimeout(listen, AGAIN_AFTER);
      refused();
    });
  }

  document.addEventListener("callwright:token", listen);
  window.addEventListener("pagehide", () => {
    source?.close();
    clearTimeout(again);
  });
  window.addEventListener("pageshow", (event) => event.persisted && listen());
  listen();
}
