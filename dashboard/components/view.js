// Keeps keyed blocks of HTML in step with what Python rendered, and reports clicks in them.
// The HTML comes escaped from Python; this file never builds any.

const HOLD_MS = 2500; // how long a list may wait for the pointer to leave its buttons
const LOST_MS = 4000; // a step that took longer is taken again, with a reload
const BUSY_MS = 6000; // a button comes back by itself if nothing changed by then

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".view");
  const state = (root.alertingState ??= begin(root));
  state.send = setTriggerValue;
  state.wanted = data;
  state.skew = Date.parse(data.now) - Date.now();
  // What is being clicked must not change, and what is about to be clicked must not move away under the pointer.
  const clicking = state.pressed;
  const aiming = root.querySelector(".acts:hover") && movesRows(root, data.blocks);
  if (state.shown && (clicking || aiming)) state.hold ??= setTimeout(() => reconcile(root, state), HOLD_MS);
  else reconcile(root, state);
}

function begin(root) {
  const state = { shown: false, hold: null, pressed: false };
  root.addEventListener("click", (event) => onClick(event, root, state));
  root.addEventListener("pointerdown", () => (state.pressed = true));
  const released = () => {
    state.pressed = false;
    if (state.hold) setTimeout(() => reconcile(root, state)); // after the click that follows
  };
  root.addEventListener("pointerup", released);
  root.addEventListener("pointerleave", released);
  root.addEventListener("pointercancel", released);
  root.addEventListener("mouseover", (event) => {
    if (state.hold && !event.target.closest(".acts")) reconcile(root, state);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-note]")) {
      event.preventDefault();
      root.querySelector("[data-act=comment]")?.click();
    }
  });
  state.ticking = setInterval(() => {
    if (!root.isConnected) clearInterval(state.ticking);
    else tick(root, state.skew);
  }, 1000);
  return state;
}

function movesRows(root, blocks) {
  const before = [...root.children].map((child) => child.dataset.block);
  return before.join() !== blocks.map(([name]) => name).join();
}

function reconcile(root, state) {
  clearTimeout(state.hold);
  state.hold = null;
  const { blocks, announce } = state.wanted;
  const before = new Map([...root.children].map((child) => [child.dataset.block, child]));
  let place = root.firstElementChild;
  const news = [];
  for (const [name, html] of blocks) {
    let element = before.get(name);
    before.delete(name);
    if (!element) {
      element = document.createElement("div");
      element.dataset.block = name;
      element.alertingHtml = null;
      if (announce && state.shown) {
        element.classList.add("fresh");
        news.push(element);
      }
    }
    if (element.alertingHtml !== html) replace(element, html);
    if (element === place) place = place.nextElementSibling;
    else root.insertBefore(element, place);
  }
  for (const gone of before.values()) gone.remove();
  if (news.length) say(root, news);
  state.shown = true;
  tick(root, state.skew);
}

// New HTML in a block, with the focus and the typed text of the old one.
function replace(element, html) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const mark = focused && (focused.dataset.act ? `[data-act="${focused.dataset.act}"]` : focused.matches("[data-note]") ? "[data-note]" : focused.matches("a.name") ? "a.name" : null);
  const typed = element.querySelector("[data-note]")?.value;
  const opened = [...element.querySelectorAll("details[open]")].map((details) => details.dataset.name);
  element.innerHTML = html;
  element.alertingHtml = html;
  const note = element.querySelector("[data-note]");
  if (note && typed && !element.alertingSent) note.value = typed;
  element.alertingSent = false;
  for (const details of element.querySelectorAll("details")) details.open ||= opened.includes(details.dataset.name);
  if (focused) (mark && element.querySelector(mark) || element.querySelector("button:not([disabled]), a"))?.focus({ preventScroll: true });
}

function say(root, news) {
  let region = root.parentElement.querySelector(".spoken");
  if (!region) {
    region = document.createElement("p");
    region.className = "spoken";
    region.setAttribute("aria-live", "polite");
    root.parentElement.append(region);
  }
  const names = news.map((element) => element.querySelector("[data-name]")?.dataset.name).filter(Boolean);
  region.textContent = names.length > 3 ? `${names.length} new alerts` : names.length ? `New alert: ${names.join("; ")}` : "";
}

function tick(root, skew) {
  for (const time of root.querySelectorAll("time[data-age]")) {
    const text = duration((Date.now() + skew - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

// The same words as wording.duration in Python.
function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60), hours = Math.floor(whole / 3600), days = Math.floor(whole / 86400);
  if (minutes < 60) return `${minutes} min`;
  if (hours < 24) return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 && days < 3 ? `${days} d ${hours % 24} h` : `${days} d`;
}

function onClick(event, root, state) {
  const target = event.target.closest("[data-act], [data-go], [data-open], [data-send], [data-copy]");
  if (!target || target.disabled) return;
  const { act, go, open, send, copy } = target.dataset;
  if (act) perform(target, root, state);
  else if (copy) copyText(target, copy);
  else if (!(target.href && (event.ctrlKey || event.metaKey || event.shiftKey))) {
    // With a modifier key a link does what links do: a new tab or window.
    event.preventDefault();
    const step = go === undefined ? (open ? { open } : { [send]: true }) : { go: target.getAttribute("href") };
    state.send("send", { ...step, at: Date.now() });
    // Should the step get lost on its way, the link itself still leads there.
    if (target.href) setTimeout(() => target.isConnected && location.assign(target.href), LOST_MS);
  }
}

async function perform(button, root, state) {
  const { act, alert, rule, busy } = button.dataset;
  const path = rule ? `/live/rules/${encodeURIComponent(rule)}/${act}` : `/live/alerts/${encodeURIComponent(alert)}/${act}`;
  const block = button.closest("[data-block]");
  const note = block.querySelector("[data-note]")?.value.trim() ?? "";
  if (act === "comment" && !note) return block.querySelector("[data-note]").focus();
  const label = button.textContent;
  const restore = () => {
    for (const each of block.querySelectorAll("[data-act]")) each.disabled = false;
    if (busy) button.textContent = label;
    button.removeAttribute("aria-busy");
  };
  for (const each of block.querySelectorAll("[data-act]")) each.disabled = true;
  if (busy) button.textContent = busy;
  button.setAttribute("aria-busy", "true");
  refuse(block, "");
  let failure = "The dashboard does not answer. Try again in a moment.";
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(act === "comment" ? { text: note } : note && act !== "unacknowledge" ? { note } : {}),
    });
    failure = answer.ok ? "" : ((await answer.json().catch(() => ({}))).detail ?? `That did not work (${answer.status}).`);
  } catch { /* the sentence above */ }
  if (failure) {
    restore();
    refuse(block, failure);
    button.focus({ preventScroll: true });
  } else {
    const field = block.querySelector("[data-note]");
    if (field) field.value = "";
    block.alertingSent = true;
    state.send("change", { alert, rule, act });
    setTimeout(() => button.isConnected && restore(), act === "comment" ? 400 : BUSY_MS);
  }
}

function refuse(block, text) {
  const place = block.querySelector(".refused");
  if (!place) return;
  place.textContent = text;
  place.hidden = !text;
}

async function copyText(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard; mark the text, so that Ctrl-C does it.
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    return;
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}
