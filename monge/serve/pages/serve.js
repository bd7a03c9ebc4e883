// What both parts of the page share: requests, errors, the token, and the choice of the part.
"use strict";

const $ = (id) => document.getElementById(id);

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const out = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-") || key === "role" || key === "scope") out.setAttribute(key, value);
    else out[key] = value;
  }
  out.append(...children);
  return out;
}

class ServerError extends Error {
  constructor(status, error) {
    const parts = [error.what || `The server answered ${status}.`];
    if (error.value) parts[0] += ` (${error.where ? error.where + ": " : ""}${error.value})`;
    if (error.allowed) parts.push(`Allowed: ${error.allowed}`);
    if (error.fix) parts.push(`To do: ${error.fix}`);
    super(parts.join("\n"));
    this.status = status;
  }
}

/** fetch that throws a ServerError with the words of the server, and asks for the token when one is needed. */
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ServerError(0, {what: "The server cannot be reached.", fix: "is it still running?"});
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) $("login").hidden = false;
  throw new ServerError(answer.status, body.error || {});
}

const askJson = async (path) => (await ask(path)).json();

function showProblem(error) {
  $("problem").textContent = error ? error.message : "";
  $("problem").hidden = !error;
}

/** Runs an action and shows what went wrong. */
async function attempt(action) {
  try {
    showProblem(null);
    await action();
  } catch (error) {
    if (error.name !== "AbortError") showProblem(error);
  }
}

function verdictClass(item) {
  const words = item.verdict || "";
  if (item.reaches_target === true || /reaches its target/.test(words)) return "good";
  if (/comes near its target/.test(words)) return "near";
  return item.reaches_target === false || /misses/i.test(words) ? "bad" : "soft";
}

const shortNumber = (value) => value === null || value === undefined ? "–" : Number(value).toPrecision(3).replace(/\.?0+$/, "");

function showPart() {
  const runs = location.hash.startsWith("#runs");
  $("part-translate").hidden = runs;
  $("part-runs").hidden = !runs;
  for (const [id, on] of [["to-translate", !runs], ["to-runs", runs]]) {
    if (on) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  }
  document.dispatchEvent(new CustomEvent(runs ? "show-runs" : "show-translate"));
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await ask("/v1/login", {method: "POST", headers: {Authorization: "Bearer " + $("token").value}});
    $("token").value = "";
    $("login").hidden = true;
    showPart();
  });
});
window.addEventListener("hashchange", showPart);
document.addEventListener("DOMContentLoaded", showPart);
