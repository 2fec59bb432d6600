// The page of a call that is under way: it follows the call, and opens anew when there is something to show.
import { follow } from "../changes.js";
import htmx from "../htmx.js";

const look = () => htmx.trigger("#content", "callwright:changed");

follow(() => document.querySelector("[data-changes]")?.dataset.changes, look, look);
