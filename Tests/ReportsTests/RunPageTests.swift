/// The page about runs, as a browser shows it.

import Foundation
import Reports
import TestSupport
import Testing

@Suite struct RunPageTests {
  private static let hostile = "</dd><script>document.title='changed'</script>&\"'"

  private func page() throws -> (html: String, directory: TemporaryDirectory) {
    let fixture = try RunFixture()
    let path = try fixture.run(
      "it's <b> & \"c\"",
      [
        "model: resnet20", "dataset: cifar10", "recipe: he2015-cifar",
        "val-data: '\(Self.hostile.replacing("'", with: "''"))'",
      ],
      errors: (0..<30).map { 0.9 / Double($0 + 1) }, result: 0.03)
    return (RunPage([try RunRecord(path)]).html, fixture.directory)
  }

  @Test("names and settings cannot break out of the page, which loads nothing")
  func escaped() throws {
    let html = try page().html
    #expect(!html.contains("<script>") && html.contains("&lt;script&gt;"))
    #expect(html.contains("it&#39;s &lt;b&gt; &amp; &quot;c&quot;"))
    #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("src="))
    #expect(html.contains("default-src 'none'"))
    for text in ["3.00 %", "He et al. 2015", "parameters sha256"] { #expect(html.contains(text)) }
  }

  @Test("headless Chromium shows the curves and runs nothing")
  func browser() throws {
    let candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
    guard let chromium = candidates.first(where: FileManager.default.isExecutableFile) else {
      print("skipped: no chromium")
      return
    }
    let (html, directory) = try page()
    let file = directory.file("report.html")
    try html.write(toFile: file, atomically: true, encoding: .utf8)
    let outcome = try ProcessRunner.run(
      chromium,
      [
        "--headless=new", "--no-sandbox", "--disable-gpu",
        "--user-data-dir=\(directory.file("profile"))",
        "--dump-dom", "file://\(file)",
      ], timeout: 60)
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    let shown = outcome.standardOutput
    #expect(shown.contains("<title>resnet20 on cifar10</title>"))
    #expect(shown.components(separatedBy: "<polyline").count == 7, "six curves")
    let picture = directory.file("report.png")
    _ = try ProcessRunner.run(
      chromium,
      [
        "--headless=new", "--no-sandbox", "--disable-gpu",
        "--user-data-dir=\(directory.file("profile"))",
        "--hide-scrollbars", "--window-size=390,1600", "--screenshot=\(picture)", "file://\(file)",
      ], timeout: 60)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: picture))
    // A page without its curves and texts is a few kilobytes of one colour.
    #expect(bytes.count > 30_000)
  }
}
