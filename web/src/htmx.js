// htmx, held to what the pages' policy allows and to what a shared machine may remember.
import htmx from "htmx.org";

htmx.config.allowEval = false;
htmx.config.allowScriptTags = false;
htmx.config.includeIndicatorStyles = false; // they are in page.css: the policy takes no style without its nonce
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0; // pages of customers are kept in no storage
htmx.config.refreshOnHistoryMiss = true;

// Call back with the page, and with every part of it that is swapped in later.
export function onContent(work) {
  htmx.onLoad(work);
}

export default htmx;
