(() => {
  const root = document.documentElement;
  const group = document.querySelector(".switch");
  const buttons = group.querySelectorAll("button");
  const memory = "doctorglm-language";

  function show(language) {
    root.lang = language === "zh" ? "zh-CN" : "en";
    document.title = root.dataset[language];
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }

  // a page that is opened from disk may be refused its storage
  function remembered() { try { return localStorage.getItem(memory); } catch { return null; } }
  function remember(language) { try { localStorage.setItem(memory, language); } catch { /* shown all the same */ } }

  for (const button of buttons) {
    button.addEventListener("click", () => { show(button.dataset.language); remember(button.dataset.language); });
  }
  const wished = remembered();
  show(wished === "zh" || wished === "en" ? wished : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  group.hidden = false;
})();
