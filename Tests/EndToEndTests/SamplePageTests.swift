// The page at `/` in a real browser: what its bars show is what the answers said, and it is fit for everybody.

import Foundation
import Kernel
import Testing

extension EndToEndTests {
  @Suite("The page of the sample site") struct SamplePageTests {
    /// Opens the page in a browser of its own, and afterwards asks whether anything was refused or went elsewhere.
    private func visit(_ name: String, _ body: (Server, Browser) throws -> Void) throws {
      try scenario(name, configuration: try sampleConfiguration(), site: sampleSiteWithPools) { server in
        let browser = try Browser()
        defer { browser.close() }
        try browser.setScreen(width: 1280, isDark: false)
        try browser.open(server.url("/"))
        try body(server, browser)
        for said in try browser.consoleErrors() { Issue.record("the console says: \(said)") }
        let requested = try browser.requestedURLs()
        #expect(requested.contains(server.url("/costs.js")) && requested.contains(server.url("/style.css")))
        for url in requested { #expect(url.hasPrefix(server.url("/")), "\(url)") }
      }
    }

    // MARK: Bars

    @Test func eachAskDrawsTheFiguresOfItsOwnAnswer() throws {
      try visit("ask each") { server, browser in
        let targets = try browser.evaluate(PageRow.readingTargets, as: [String].self)
        #expect(targets.count >= 10)
        for target in targets {
          try browser.click(PageRow.selector(target) + " button")
          try browser.wait(for: "document.querySelector('\(PageRow.selector(target))').ariaBusy === 'false'")
          let row = try browser.evaluate(PageRow.reading(target), as: PageRow.self)
          let entry = try #require(try server.entries(1, for: target).first { $0.target == target })
          let said = try browser.evaluate("return document.getElementById('said').textContent", as: String.self)
          #expect(entry.status == 200, "\(row.target)")
          row.expectTruth(entry)
          let bill = try browser.evaluate(PageRow.readingBill, as: [String: String].self)
          #expect(bill == row.metrics.mapValues(\.shown), "\(row.target)")
          #expect(said.contains(PageRow.words(row.length)) && said.hasPrefix("Asked "), "\(said)")
        }
      }
    }

    @Test func askAllAsksForEachOnceAndDrawsAllOnOneScale() throws {
      try visit("ask all") { server, browser in
        try browser.click("#ask-all")
        try browser.wait(for: "document.getElementById('said').textContent !== ''")
        let targets = try browser.evaluate(PageRow.readingTargets, as: [String].self)
        let rows = try targets.map { try browser.evaluate(PageRow.reading($0), as: PageRow.self) }
        for row in rows {
          let entries = try server.entries(1, for: row.target).filter { $0.target == row.target }
          #expect(entries.count == 1, "\(row.target)")
          row.expectTruth(entries[0])
        }
        #expect(Set(rows.map { $0.metrics["model"]?.description }) == ["static", "cgi", "fastcgi"])
        let file = try #require(rows.first { $0.target == "/table.html" })
        #expect(file.figures.contains("processor time not measured"))
        for row in rows where row.target != file.target {
          let times = row.length / file.length
          let words = times < 10 ? String(format: "%.1f", times) : "\(Int(times.rounded()))"
          #expect(row.figures.contains("\(words) × the file"), "\(row.target): \(times), \(row.figures)")
        }
        let said = try browser.evaluate("return document.getElementById('said').textContent", as: String.self)
        let lengths = rows.map(\.length)
        #expect(said.contains("\(rows.count) of \(targets.count) answered"))
        for edge in [lengths.min(), lengths.max()] {
          #expect(said.contains(PageRow.words(try #require(edge))), "\(said)")
        }
      }
    }

    // MARK: Everybody

    @Test func theKeyboardReachesEveryLinkAndButton() throws {
      try visit("keyboard") { server, browser in
        try browser.evaluate(
          """
          window.reached = [];
          document.addEventListener('focusin', ({ target }) => {
            const { outlineStyle, outlineWidth } = getComputedStyle(target);
            reached.push([target, outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2]);
          });
          return true
          """, as: Bool.self)
        let count = try browser.evaluate("return document.querySelectorAll('a, button').length", as: Int.self)
        // A few more, for what can be scrolled by keys.
        try browser.press(.tab, times: count + 4)
        let missed = try browser.evaluate(
          """
          return [...document.querySelectorAll('a, button')]
            .filter((element) => !reached.some(([target, isSeen]) => target === element && isSeen))
            .map((element) => element.outerHTML)
          """, as: [String].self)
        #expect(missed.isEmpty, "not reached, or without a visible focus: \(missed)")

        // And a key works it, without taking the focus away.
        try browser.evaluate("document.querySelector('[href=\"/cgi-bin/table\"]').focus(); return true", as: Bool.self)
        try browser.press(.tab)
        try browser.press(.enter)
        try browser.wait(for: "document.getElementById('said').textContent.startsWith('Asked C by CGI: ')")
        let holder = "return document.activeElement.closest('li').querySelector('a').pathname"
        #expect(try browser.evaluate(holder, as: String.self) == "/cgi-bin/table")
        #expect(try server.entries(1, for: "/cgi-bin/table").count == 1)
      }
    }

    @Test(arguments: [1280, 360], [false, true])
    func itFitsScreensAndReadsWellInLightAndDark(width: Int, isDark: Bool) throws {
      try visit("screen \(width), \(isDark ? "dark" : "light")") { server, browser in
        try browser.setScreen(width: width, isDark: isDark)
        for path in ["/table.html", "/cgi-bin/form.pl", "/cgi-bin/env.awk", "/"] {
          try browser.open(server.url(path))
          if path == "/" {
            try browser.click("#ask-all")
            try browser.wait(for: "document.getElementById('said').textContent !== ''")
          }
          let look = try browser.evaluate(PageLook.reading, as: PageLook.self)
          #expect(look.windowWidth == width && look.scrollWidth <= look.width, "\(path) is \(look.scrollWidth) wide")
          #expect(look.isDark == isDark, "\(path)")
          // WCAG 2.2, success criterion 1.4.3.
          #expect(look.leastContrast >= 4.5, "\(path): \(look.faintest)")
        }
      }
    }

    @Test func motionIsLeftOutForWhoeverWantsLess() throws {
      try visit("motion") { _, browser in
        let transition = "return getComputedStyle(document.querySelector('.bar')).transitionDuration"
        #expect(try browser.evaluate(transition, as: String.self) == "0s")
        try browser.setScreen(width: 1280, isDark: false, wantsLessMotion: false)
        #expect(try browser.evaluate(transition, as: String.self) != "0s")
      }
    }
  }
}

/// How a page looks to whoever sits before it.
private struct PageLook: Decodable {
  var windowWidth: Int
  /// What of that the scroll bar leaves.
  var width: Int
  var scrollWidth: Int
  var isDark: Bool
  /// The least contrast of a text to the nearest background that is painted behind it, and that text.
  var leastContrast: Double
  var faintest: String

  static let reading = """
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
      const [r, g, b] = parts(colour).map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (parts(colour)[3] !== 0) return colour;
      }
      return 'rgb(255, 255, 255)';
    };
    let least = [21, ''];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      const text = texts.currentNode.textContent.trim();
      if (text === '' || element.closest('svg, noscript, script, style, input, textarea')) continue;
      const [a, b] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < least[0]) least = [contrast, `${text}: ${getComputedStyle(element).color} on ${behind(element)}`];
    }
    return {
      windowWidth: innerWidth, width: document.documentElement.clientWidth,
      scrollWidth: document.documentElement.scrollWidth,
      isDark: luminance(behind(document.body)) < 0.2, leastContrast: least[0], faintest: least[1],
    };
    """
}
