// A call's page: the player, the transcript in step with it, and what people correct.
import "../call/call.css";
import "../call/corrections.js";
import { openConversation } from "../call/conversation.js";

const root = document.getElementById("conversation");
if (root) openConversation(root);
