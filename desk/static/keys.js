// The desk by keyboard, and the little that a page needs beside the server: nothing works only with it.
// Keys are written beside what they press (data-key); docs/desk.md lists them.
"use strict";

const HERE = "lapor-queue"; // in sessionStorage: the codes of the queue that was open last, and its address
let wanted = null; // the move that waits for its reason

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const isSeen = (element) => element.checkVisibility?.() ?? element.offsetParent !== null;
const isTyping = (element) => element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

function press(key) {
  const found = all(`[data-key="${CSS.escape(key)}"]`).find((each) => isSeen(each) && !each.disabled);
  if (!found) return false;
  if (found.matches("input, textarea, select")) {
    found.focus();
    found.select?.();
  } else found.click();
  return true;
}

// j and k: through the rows of the queue, and on a report's page to the next one of that queue
function step(by) {
  const rows = all("#queue a.row");
  if (rows.length) {
    const at = rows.indexOf(document.activeElement.closest(".row-line, .row")?.querySelector("a.row") ?? document.activeElement);
    rows[Math.min(Math.max(at + by, 0), rows.length - 1)].focus();
    return;
  }
  const codes = kept().codes ?? [];
  const at = codes.indexOf(document.querySelector("[data-code]")?.dataset.code);
  const next = at < 0 ? undefined : codes[at + by];
  if (next) location.assign(`/desk/r/${encodeURIComponent(next)}`);
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(HERE)) ?? {};
  } catch {
    return {};
  }
}

function keepQueue() {
  const queue = document.getElementById("queue");
  if (!queue) return;
  const codes = all("a.row[id^=r-]", queue).map((row) => row.id.slice(2));
  try {
    sessionStorage.setItem(HERE, JSON.stringify({ codes, address: location.pathname + location.search }));
  } catch {
    // private windows may refuse: then j and k stay in the queue
  }
}

function tick() {
  const row = document.activeElement.closest(".row-line");
  const box = row?.querySelector("input[type=checkbox]");
  if (!box) return false;
  box.checked = !box.checked;
  return true;
}

function onKey(event) {
  const field = isTyping(event.target);
  if (field && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const button = wanted ?? field.form?.querySelector("[data-enter]");
    if (button) {
      event.preventDefault();
      button.click();
    }
    return;
  }
  if (field && event.key === "Escape") field.blur();
  if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  else if (!(event.key === "x" && tick()) && !onBoard(event.key) && !press(event.key)) return;
  event.preventDefault();
}

// a move that needs words: first the field, then the press
function onClick(event) {
  const button = event.target.closest("[data-needs]");
  const field = button && document.getElementById(button.dataset.needs);
  if (field && !field.value.trim()) {
    event.preventDefault();
    wanted = button;
    field.focus();
    field.scrollIntoView({ block: "center" });
    field.setAttribute("placeholder", button.dataset.ask ?? "");
    return;
  }
  const filler = event.target.closest("[data-fill]");
  const target = filler && document.getElementById(filler.dataset.fill);
  if (target) {
    event.preventDefault();
    target.value = filler.textContent.trim();
    target.focus();
    target.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (event.target.closest("[data-opens]")) document.getElementById(event.target.closest("[data-opens]").dataset.opens)?.showModal();
}

// the seconds in which a move may be undone
function countDown() {
  for (const chance of all("[data-seconds]")) {
    const until = performance.now() + 1000 * Number(chance.dataset.seconds);
    const left = chance.querySelector(".left");
    const timer = setInterval(() => {
      const seconds = Math.ceil((until - performance.now()) / 1000);
      if (seconds > 0) left.textContent = String(seconds);
      else {
        clearInterval(timer);
        chance.remove();
      }
    }, 250);
  }
}

// on the board: a and p move the card that has the focus, the arrows go to the columns beside it
function onBoard(key) {
  const here = document.activeElement.closest(".board-card");
  if (!here) return false;
  const button = here.querySelector(`[data-card-key="${CSS.escape(key)}"]`);
  button?.click();
  const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!by) return Boolean(button);
  const columns = all(".board-column").filter((each) => each.querySelector("a.row"));
  columns[columns.indexOf(here.closest(".board-column")) + by]?.querySelector("a.row").focus();
  return true;
}

// a card may be dragged to where one of its buttons would bring it
function onDrag(event) {
  const card = document.querySelector(".board-card.dragged"), column = event.target.closest?.(".board-column");
  const button = column && card?.querySelector(`[data-card-key][value="${CSS.escape(column.dataset.status)}"]`);
  if (event.type === "dragstart") event.target.closest?.(".board-card")?.classList.add("dragged");
  all(".may-drop").forEach((each) => each.classList.remove("may-drop"));
  if (event.type === "dragend") card?.classList.remove("dragged");
  if (!button || (event.type !== "dragover" && event.type !== "drop")) return;
  event.preventDefault();
  if (event.type === "drop") button.click();
  else column.classList.add("may-drop");
}

// after a move on the board the card that went is where one goes on
function findMoved() {
  const moved = new URLSearchParams(location.search).get("moved")?.split(",")[0];
  if (moved && document.querySelector(".board")) document.getElementById(`r-${moved}`)?.focus();
}

function leadBack() {
  const back = document.querySelector("a[data-back]");
  const { address } = kept();
  if (back && typeof address === "string" && /^\/desk(\?|$)/.test(address)) back.setAttribute("href", address);
}

// who logs out leaves nothing in the browser of what they looked for, and of what was not sent (deadspot.js)
function onSubmit(event) {
  if (event.target.getAttribute("action") !== "/desk/logout") return;
  sessionStorage.removeItem(HERE);
  window.indexedDB?.deleteDatabase("lapor-desk");
}

// on a narrow screen the tabs are wider than it: the one that is open is in sight
function showTab() {
  for (const tab of all(".tabs [aria-current]")) tab.scrollIntoView({ block: "nearest", inline: "center" });
}

document.addEventListener("keydown", onKey);
document.addEventListener("submit", onSubmit);
document.addEventListener("click", onClick);
for (const each of ["dragstart", "dragover", "drop", "dragend"]) document.addEventListener(each, onDrag);
document.addEventListener("htmx:after:swap", keepQueue);
document.addEventListener("htmx:after:swap", showTab);
countDown();
keepQueue();
leadBack();
findMoved();
showTab();
