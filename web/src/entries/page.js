// What every page has: its styles, htmx, the token that opens it, tabs.
import "../page.css";
import "../htmx.js";
import "../tabs.js";
import "../tokens.js";
