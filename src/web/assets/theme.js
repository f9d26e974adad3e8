// Sets the remembered theme before the first paint. Without one the system's preference holds.
"use strict";
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Without local storage the theme follows the system.
  }
})();
