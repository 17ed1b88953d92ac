// A person with a browser: headless Chromium, driven by what it reads from standard input, one JSON list of steps.
// Prints what each step saw. Steps:
//   {"go": URL}                    opens a page
//   {"signIn": NAME}               signs in at the identity provider, by keyboard
//   {"press": [KEY, ...]}          presses keys
//   {"focus": TEXT}                tabs until the element with this text has the focus, by keyboard alone
//   {"width": N}                   sets the width of the window
//   {"shot": FILE}                 takes a screenshot
//   {"sleep": N}                   waits, in milliseconds
//   {"read": true}                 tells title, text, whether it scrolls sideways, scripts and policy of the page
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.NODE_MODULES, 'from-here.js'));
const puppeteer = require('puppeteer-core');
const { steps, scripts = false } = JSON.parse(readFileSync(0, 'utf8'));

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  acceptInsecureCerts: true,
});
const page = await browser.newPage();
// Everything must work without scripts; the identity provider's own pages too.
await page.setJavaScriptEnabled(scripts);
await page.setViewport({ width: 1000, height: 900 });
let policy = null;
let status = null;
const violations = [];
page.on('response', (response) => {
  if (response.request().isNavigationRequest()) {
    policy = response.headers()['content-security-policy'] ?? null;
    status = response.status();
  }
});
page.on('console', (message) => /Content.Security.Policy/i.test(message.text()) && violations.push(message.text()));

const settled = (what) => Promise.all([page.waitForNavigation({ waitUntil: 'load', timeout: 20000 }), what]);
const focused = async () => {
  const { node } = await session.send('Runtime.evaluate', {
    expression: 'document.activeElement && (document.activeElement.innerText || document.activeElement.name || document.activeElement.tagName)',
  }).then((answer) => ({ node: answer.result.value }));
  return node ?? '';
};
const session = await page.createCDPSession();

async function tabTo(text) {
  for (let presses = 0; presses < 60; presses += 1) {
    if ((await focused()).trim() === text) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`no way to ${text} by keyboard`);
}

const out = [];
try {
  for (const step of steps) {
    if (step.go) await page.goto(step.go, { waitUntil: 'load', timeout: 20000 });
    else if (step.signIn) {
      await tabTo('Sign in');
      await settled(page.keyboard.press('Enter'));
      // The provider's two pages: who one is, and that one agrees.
      await page.focus('input[name=login]');
      await page.keyboard.type(step.signIn);
      await page.focus('input[name=password]');
      await page.keyboard.type('x');
      await settled(page.keyboard.press('Enter'));
      if (!page.url().includes('/-/')) {
        await page.focus('button[type=submit]');
        await settled(page.keyboard.press('Enter'));
      }
    } else if (step.focus) await tabTo(step.focus);
    else if (step.press) {
      for (const key of step.press) await (key === 'Enter' ? settled(page.keyboard.press(key)) : page.keyboard.press(key));
    } else if (step.width) await page.setViewport({ width: step.width, height: 700 });
    else if (step.shot) await page.screenshot({ path: step.shot, fullPage: true });
    else if (step.sleep) await new Promise((resolve) => setTimeout(resolve, step.sleep));
    else if (step.read) {
      const { result } = await session.send('Runtime.evaluate', {
        returnByValue: true,
        expression: `({
          title: document.title,
          text: document.body.innerText,
          html: document.body.innerHTML,
          wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
          scripts: document.scripts.length,
          inline: document.querySelectorAll('[style],style,[onclick],[onload]').length,
        })`,
      });
      out.push({ ...result.value, url: page.url(), policy, status, violations });
    }
  }
} catch (error) {
  console.error(`${error.stack}\nat ${page.url()}`);
  process.exitCode = 1;
}
console.log(JSON.stringify(out));
await browser.close();
