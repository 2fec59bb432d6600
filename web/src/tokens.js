// The token that opens the page: sent with every request, renewed by the page around this one, in no cookie or storage.
const WANTED_BEFORE = 10 * 60 * 1000; // milliseconds before the end
const LONGEST_WAIT = 12 * 60 * 60 * 1000;
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const meta = (name) => document.querySelector(`meta[name="callwright-${name}"]`)?.content ?? "";
const hosts = meta("hosts").split(" ").filter(Boolean);
let current = meta("token");
let timer;

// The token that is valid now.
export function token() {
  return current;
}

// fetch() with the token, for scripts of our pages.
export async function authorised(address, options = {}) {
  const headers = { ...options.headers, authorization: `Bearer ${current}` };
  const answer = await fetch(address, { ...options, headers });
  if (answer.status === 401) ask();
  return answer;
}

// Whether the page at an origin is one that the partner has registered.
export function isHost(origin) {
  return hosts.some((host) =>
    host.endsWith(":*") ? new RegExp(`^${host.slice(0, -2)}(:\\d+)?$`).test(origin) : host === origin,
  );
}

// Ask the page around this one for a fresh token; that says nothing, so that whoever it is may hear it.
function ask() {
  if (window.parent !== window) window.parent.postMessage({ type: "callwright:token-wanted" }, "*");
}

// The same address with another token; of others' addresses we have none.
function renewed(address) {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin || !url.searchParams.has("token")) return null;
  url.searchParams.set("token", current);
  return url.pathname + url.search + url.hash;
}

const CARRIERS = ["href", "src", "action", "hx-get", "hx-post", "hx-put", "hx-delete"];

function renewLinks(root) {
  for (const name of CARRIERS) {
    for (const element of root.querySelectorAll(`[${name}*="token="]`)) {
      if (element instanceof HTMLMediaElement || element instanceof HTMLScriptElement) continue; // that would reload it
      const address = renewed(element.getAttribute(name));
      if (address) element.setAttribute(name, address);
    }
  }
  for (const field of root.querySelectorAll('input[type="hidden"][name="token"]')) field.value = current;
}

function expires(fresh) {
  try {
    const claims = JSON.parse(atob(fresh.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return Number(claims.exp) * 1000;
  } catch {
    return NaN;
  }
}

function schedule() {
  clearTimeout(timer);
  const left = expires(current) - Date.now() - WANTED_BEFORE;
  if (!Number.isFinite(left)) return;
  // Browsers count no longer than 24 days, and a machine that slept counts late: look again now and then.
  timer = setTimeout(() => (left > LONGEST_WAIT ? schedule() : (ask(), retry())), Math.min(Math.max(left, 0), LONGEST_WAIT));
}

function retry() {
  timer = setTimeout(schedule, 60 * 1000);
}

function renew(fresh) {
  current = fresh;
  if (document.documentElement.dataset.refused !== undefined) {
    const url = new URL(location.href);
    url.searchParams.set("token", fresh);
    location.replace(url);
    return;
  }
  renewLinks(document);
  const address = renewed(location.href);
  if (address) history.replaceState(history.state, "", address);
  schedule();
  document.dispatchEvent(new CustomEvent("callwright:token"));
}

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || !isHost(event.origin)) return;
  const { type, token: fresh } = event.data ?? {};
  if (type === "callwright:token" && typeof fresh === "string" && fresh.length < 10000 && SHAPE.test(fresh)) renew(fresh);
});

document.addEventListener("htmx:configRequest", (event) => {
  if (current) event.detail.headers.Authorization = `Bearer ${current}`;
});
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) ask();
});
document.addEventListener("htmx:load", (event) => current && renewLinks(event.detail.elt));

if (document.documentElement.dataset.refused !== undefined) ask();
else schedule();
