// Reads what the page holds and draws it.

function start() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  document.documentElement.dataset.theme = dark.matches ? 'dark' : 'light';
  dark.addEventListener('change', () => setTheme(dark.matches ? 'dark' : 'light'));
  document.getElementById('theme').addEventListener('click', () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
  // Paper is white, whatever the screen is.
  let onScreen = '';
  addEventListener('beforeprint', () => { onScreen = document.documentElement.dataset.theme; printing = true; setTheme('light'); });
  addEventListener('afterprint', () => { printing = false; setTheme(onScreen); });
  const main = document.getElementById('main');
  try {
    const data = JSON.parse(document.getElementById('data').textContent);
    document.getElementById('producer').textContent = `Made by weft ${data.version} from ${data.file}. This file needs no network.`;
    (data.kind === 'sweep' ? sweepReport : runReport)(data, main);
    document.title = document.getElementById('title').textContent + ' – Weft report';
    document.documentElement.dataset.ready = 'yes';
  } catch (error) {
    main.append(element('p', {class: 'note'}, `This report cannot be drawn: ${error.message}. Make it again with weft report; if that does not help, please tell us.`));
    document.documentElement.dataset.ready = 'failed';
    throw error;
  }
}

start();
