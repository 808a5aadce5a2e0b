// Holds ONE EventSource for as long as the page lives, paints the badge, and tells Python that something changed.
// An event is only a sign that there is something to read; what is shown is always read anew.

const LOST_MS = 4000; // a step that took longer is taken again, with a reload
const STALE_MS = 3000; // away for longer than this: poll, and say so
const SILENT_MS = 40000; // the API sends something every 15 s; longer silence is a dead connection
const HIDDEN_MS = 10000; // a browser holds six connections to a host: tabs in the background must not take them all
const SETTLE_MS = 30000; // now and then even without events: counts over 24 h move by themselves
const BADGES = {
  live: ["Live", "Changes arrive by themselves, as they happen."],
  reconnecting: ["Reconnecting", "The live stream was interrupted and is being opened again."],
  offline: ["Offline", "The dashboard itself does not answer. This page shows what it knew last, and comes back by itself."],
  stale: ["Stale (polling)", "The live stream is away. This page asks for news instead, so changes come later."],
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".bar");
  if (data.ended) return signIn();
  const who = root.querySelector(".who");
  who.querySelector("b").textContent = data.name;
  who.querySelector("small").textContent = data.role && data.role !== data.name ? data.role : "";
  who.title = data.role ? `Signed in with the token ${data.name}, role ${data.role}` : "";
  for (const link of root.querySelectorAll("[data-place]")) {
    if (link.dataset.place === data.place) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const live = (root.alertingLive ??= open(root));
  clearTimeout(live.lost); // Python answered
  live.data = data;
  live.trigger = setTriggerValue;
}

function open(root) {
  const live = { source: null, state: "", offline: false, seenAt: Date.now(), heardAt: Date.now(), downSince: Date.now(), kinds: new Set(), timer: null, toldAt: 0, polledAt: 0 };
  connect(live, root);
  root.addEventListener("click", (event) => step(event, live));
  live.clock = setInterval(() => {
    if (!root.isConnected) {
      live.source?.close();
      clearInterval(live.clock);
    } else watchOver(live, root);
  }, 500);
  document.addEventListener("visibilitychange", () => {
    if (root.isConnected && !document.hidden && !live.source) connect(live, root);
  });
  return live;
}

// To another page without a reload: the stream stays open and nothing flickers.
function step(event, live) {
  const link = event.target.closest("[data-place]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const here = new URLSearchParams(location.search);
  const isHere = here.get("page") === new URL(link.href).searchParams.get("page") && !here.get("alert") && !here.get("rule");
  if (isHere) return; // the page that is shown: the link loads it anew, without filters
  event.preventDefault();
  live.trigger?.("go", { go: link.getAttribute("href"), at: Date.now() });
  clearTimeout(live.lost);
  live.lost = setTimeout(() => link.isConnected && location.assign(link.href), LOST_MS);
}

function connect(live, root) {
  live.source?.close();
  const source = (live.source = new EventSource("/live/alerts"));
  live.heardAt = Date.now();
  source.onopen = () => {
    live.heardAt = Date.now();
    live.downSince = null;
    live.offline = false;
    paint(live, root, "live");
    tell(live, "open"); // whatever happened while we were away
  };
  source.onmessage = (event) => {
    live.heardAt = Date.now();
    const { kind, data } = JSON.parse(event.data);
    if (concerns(live.data.watch, kind, data)) tell(live, kind);
  };
  source.addEventListener("ping", () => (live.heardAt = Date.now()));
  source.onerror = () => {
    live.downSince ??= Date.now();
    findOut(live, root, source);
  };
}

// Why the stream is away: nobody there, not signed in any more, or only the stream itself.
async function findOut(live, root, source) {
  const answer = await fetch("/live/session").catch(() => null);
  if (answer?.status === 401) return signIn();
  if (live.downSince === null) return; // it came back meanwhile
  live.offline = answer === null;
  paintDown(live, root);
  // The browser opens it again by itself, except after an answer other than 200.
  if (source.readyState !== EventSource.CLOSED) return;
  setTimeout(() => live.source === source && root.isConnected && connect(live, root), 2000);
}

function signIn() {
  location.replace(`/sign-in?ended=1&next=${encodeURIComponent(location.pathname + location.search)}`);
}

function paintDown(live, root) {
  const long = Date.now() - live.downSince > STALE_MS;
  paint(live, root, live.offline ? "offline" : long ? "stale" : "reconnecting");
}

function watchOver(live, root) {
  const now = Date.now();
  if (!document.hidden) live.seenAt = now;
  else if (live.source && now - live.seenAt > HIDDEN_MS) {
    live.source.close();
    live.source = null;
  }
  if (!live.source) return;
  if (live.downSince === null && now - live.heardAt > SILENT_MS) {
    live.downSince = now;
    paint(live, root, "reconnecting");
    connect(live, root);
  }
  if (live.downSince !== null && now - live.downSince > STALE_MS) {
    paintDown(live, root);
    if (!live.offline && now - live.polledAt >= live.data.refresh_ms && !document.hidden) {
      live.polledAt = now;
      tell(live, "poll");
    }
  } else if (now - live.toldAt > SETTLE_MS && !document.hidden) tell(live, "settle");
}

function concerns(watch, kind, data) {
  if (kind === "resync") return true;
  if (!watch) return kind.startsWith("alert.");
  return data?.id === watch || data?.alert_id === watch;
}

function tell(live, kind) {
  live.kinds.add(kind);
  if (live.timer) return;
  // The first event of a burst goes at once, the rest together.
  const wait = Math.max(0, live.toldAt + live.data.coalesce_ms - Date.now());
  live.timer = setTimeout(() => {
    live.timer = null;
    live.toldAt = Date.now();
    live.trigger?.("dirty", { kinds: [...live.kinds], at: live.toldAt });
    live.kinds.clear();
  }, wait);
}

function paint(live, root, state) {
  if (live.state === state) return;
  live.state = state;
  const badge = root.querySelector(".badge");
  badge.dataset.state = state;
  badge.querySelector("span").textContent = BADGES[state][0];
  badge.title = BADGES[state][1];
}
