// Signing out.

import { request } from "./api.js";
import { say } from "./dom.js";

const failure = document.querySelector("[data-session-failure]");

for (const button of document.querySelectorAll("[data-sign-out]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await request("POST", "api/auth/logout");
      location.assign("login");
    } catch (error) {
      say(failure, `Signing out failed: ${error.message}`);
      button.disabled = false;
    }
  });
}
