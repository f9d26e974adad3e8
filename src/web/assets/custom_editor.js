// The editor of a custom metric, with a preview that follows what is typed.

import { request } from "./api.js";
import { announce, byId, el, say } from "./dom.js";
import { setUrlState, urlState } from "./url_state.js";

/** How long nothing must be typed before a preview is asked for, in milliseconds. */
const PREVIEW_AFTER = 900;

const PATH = "api/metrics/custom";
const form = byId("form");
const fields = form.elements;
const EXAMPLE = `[
  { "$group": { "_id": "$type", "value": { "$sum": 1 } } },
  { "$project": { "_id": 0, "type": "$_id", "value": 1 } }
]`;

/** The metric in the editor as the service has it; `null` for a new one. */
let metric = null;
let onChange = () => {};
let timer = null;
let asked = 0;

/** Sets up the editor. `changed` is told what was done, and the name if it can be undone. */
export function setUpEditor(changed) {
  onChange = changed;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(save);
  });
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(preview, PREVIEW_AFTER);
  });
  byId("preview-now").addEventListener("click", preview);
  byId("cancel").addEventListener("click", close);
  byId("undo").addEventListener("click", () => attempt(undo));
  byId("delete").addEventListener("click", () => {
    byId("ask-name").textContent = metric.name;
    say(byId("ask-failure"), null);
    byId("ask-delete").showModal();
  });
  byId("ask-confirm").addEventListener("click", remove);
  const wanted = urlState("edit");
  if (wanted !== null) open(wanted === "new" ? null : wanted);
  return { open };
}

/** Opens the metric of this name, or a new one. */
async function open(name) {
  say(byId("failure"), null);
  try {
    metric = name === null ? null : await request("GET", `${PATH}/${encodeURIComponent(name)}`);
  } catch (error) {
    setUrlState("edit", null);
    onChange(`${name} could not be opened: ${error.message}`, null);
    return;
  }
  setUrlState("edit", name ?? "new");
  fill();
  byId("editor").hidden = false;
  byId("editor-title").focus();
  byId("editor").scrollIntoView({ block: "start" });
  preview();
}

function fill() {
  const isOfFile = metric?.status.origin === "file";
  byId("editor-title").textContent = metric === null ? "New metric" : metric.name;
  say(byId("editor-note"), note(isOfFile));
  fields.name.value = metric?.name ?? "playarr_custom_";
  fields.help.value = metric?.help ?? "";
  fields.unit.value = metric?.unit ?? "";
  fields.collection.value = metric?.collection ?? "titles";
  fields.labels.value = metric?.labels.join(", ") ?? "type";
  fields.value.value = metric?.value ?? "value";
  fields.budget.value = metric?.budget ?? "";
  fields.pipeline.value = pipelineText(metric?.pipeline ?? EXAMPLE);
  for (const field of form.querySelectorAll("input, select, textarea")) field.disabled = isOfFile;
  fields.name.readOnly = metric !== null;
  byId("save").hidden = isOfFile;
  byId("delete").hidden = metric === null || isOfFile;
  byId("undo").hidden = !(metric?.history?.length > 0);
}

function note(isOfFile) {
  if (isOfFile) return "It is defined in CUSTOM_METRICS_FILE and can be changed there only.";
  if (metric === null) return null;
  return `Revision ${metric.revision}, by ${metric.status.author}.`;
}

/** A text stays as its author wrote it. */
const pipelineText = (pipeline) => (typeof pipeline === "string" ? pipeline : JSON.stringify(pipeline, null, 2));

/** The metric as the form has it. The pipeline stays a text: the order of its fields counts. */
function entered() {
  const body = {
    name: fields.name.value.trim(),
    help: fields.help.value.trim(),
    unit: fields.unit.value.trim() || "values",
    collection: fields.collection.value,
    labels: fields.labels.value.split(",").map((label) => label.trim()).filter(Boolean),
    value: fields.value.value.trim() || "value",
    pipeline: fields.pipeline.value,
  };
  const budget = fields.budget.value.trim();
  if (budget !== "") body.budget = Number(budget);
  return body;
}

function close() {
  clearTimeout(timer);
  asked += 1;
  const opener = metric === null ? byId("new") : document.querySelector(`[data-edit="${CSS.escape(metric.name)}"]`);
  byId("editor").hidden = true;
  setUrlState("edit", null);
  (opener ?? byId("new")).focus();
}

async function save() {
  const body = entered();
  if (metric?.revision) body.revision = metric.revision;
  await request("PUT", `${PATH}/${encodeURIComponent(body.name)}`, body);
  const isNew = metric === null;
  close();
  announce(`${body.name} is saved.`);
  onChange(`${body.name} is saved and counted now.`, isNew ? null : body.name);
}

async function undo() {
  const { name } = metric;
  await request("POST", `${PATH}/${encodeURIComponent(name)}/undo`);
  close();
  announce("The last change is undone.");
  onChange(`The last change of ${name} was undone.`, null);
}

async function remove() {
  const { name, revision } = metric;
  try {
    await request("DELETE", `${PATH}/${encodeURIComponent(name)}?revision=${revision}`);
    byId("ask-delete").close();
    close();
    announce(`${name} is deleted.`);
    onChange(`${name} is deleted.`, name);
  } catch (error) {
    say(byId("ask-failure"), `It was not deleted: ${error.message}`);
  }
}

/** Runs an action of the form and shows its error. */
async function attempt(action) {
  const buttons = form.querySelectorAll("button");
  say(byId("failure"), null);
  for (const button of buttons) button.disabled = true;
  try {
    await action();
  } catch (error) {
    say(byId("failure"), error.message);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** Asks for a preview. Answers to earlier questions are dropped. */
async function preview() {
  clearTimeout(timer);
  const round = (asked += 1);
  byId("preview").setAttribute("aria-busy", "true");
  say(byId("preview-state"), "Asking MongoDB.");
  let answer;
  try {
    answer = await request("POST", `${PATH}/preview`, entered());
  } catch (error) {
    answer = error.answer?.errors ? error.answer : { valid: false, errors: [{ message: error.message }], warnings: [] };
  }
  if (round === asked) show(answer);
}

function show(answer) {
  byId("preview").setAttribute("aria-busy", "false");
  say(byId("preview-state"), answer.valid ? null : "The metric cannot be used yet:");
  list(byId("preview-errors"), answer.errors.map(({ message }) => message));
  list(byId("preview-warnings"), answer.warnings);
  const sample = byId("preview-sample");
  say(sample, null);
  const facts = byId("preview-facts");
  facts.hidden = !answer.valid;
  if (!answer.valid) return;
  const pair = ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  facts.replaceChildren(...factsOf(answer).map(pair));
  sample.textContent = answer.sample;
  sample.hidden = false;
}

function factsOf(answer) {
  const number = (count) => (count === null ? "unknown" : count.toLocaleString("en"));
  const facts = [
    ["Series", answer.folded > 0 ? `${number(answer.series)}, ${number(answer.folded)} folded` : number(answer.series)],
    ["Took", `${answer.duration_seconds.toFixed(3)} s`],
    ["Documents read", number(answer.documents_examined)],
    ["Index", answer.index ?? "none"],
  ];
  if (answer.largest_label) {
    facts.push(["Largest label", `${answer.largest_label.name}, ${number(answer.largest_label.values)} values`]);
  }
  return facts;
}

function list(element, texts) {
  element.replaceChildren(...texts.map((text) => el("li", {}, text)));
  element.hidden = texts.length === 0;
}
