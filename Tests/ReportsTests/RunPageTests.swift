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

  /// `mistakes.json` of a network with `count` classes that takes each for the next one, the last for the
  /// first, once in ten images, and is right otherwise.
  private static func mistakes(classes count: Int) -> String {
    let names = (0..<count).map { $0 == 0 ? hostile : "class \($0)" }
    func text(_ value: some Encodable) throws -> String {
      String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }
    let counts = (0..<count).map { row in
      (0..<count).map { $0 == row ? 9 : $0 == (row + 1) % count ? 1 : 0 }
    }
    let confusions = (0..<min(count, 20)).map { label in
      """
      {"class":\(try! text(names[label])),"predicted":\(try! text(names[(label + 1) % count])),\
      "count":1,"class_images":10}
      """
    }
    return """
      {"images":\(10 * count),"right":\(9 * count),"classes":\(try! text(names)),\
      "confusion":\(count > 100 ? "null" : try! text(counts)),\
      "confusions":[\(confusions.joined(separator: ","))],\
      "mistakes":[{"image":"a\\"><script>.png","class":\(try! text(hostile)),"predicted":"class 1",\
      "probability":0.98125,"png":"\(picture)"}]}
      """
  }

  /// One red pixel, by Pillow.
  private static let picture =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"

  private func page(mistakes: String) throws -> (html: String, directory: TemporaryDirectory) {
    let fixture = try RunFixture()
    let path = try fixture.run(
      "run", ["model: resnet20", "dataset: cifar10"], errors: [0.5, 0.1], result: 0.1)
    try mistakes.write(toFile: "\(path)/mistakes.json", atomically: true, encoding: .utf8)
    return (RunPage([try RunRecord(path)]).html, fixture.directory)
  }

  @Test(
    "up to 20 classes have a matrix, more a list of their confusions", arguments: [2, 20, 21, 1000])
  func confusions(classes: Int) throws {
    let html = try page(mistakes: Self.mistakes(classes: classes)).html
    #expect(html.contains("class=\"matrix\"") == (classes <= 20))
    #expect(html.contains("<th>of the class</th>") == (classes > 20))
    #expect(
      html.components(separatedBy: "<td>1</td><td>10.0 %</td>").count
        == (classes > 20 ? 21 : 1))
    #expect(
      html.components(separatedBy: "<td class=\"right\" style=\"--shade: 90%\">9</td>").count
        == (classes > 20 ? 1 : classes + 1))
    #expect(html.contains("seen as class 1, 98.1\u{A0}%"))
    #expect(!html.contains("<script") && html.contains("&lt;script&gt;"))
    #expect(html.contains("<img src=\"data:image/png;base64,\(Self.picture)\""))
  }

  @Test("several runs have no mistakes on their page, and a damaged file is refused with its name")
  func severalAndDamaged() throws {
    let fixture = try RunFixture()
    let runs = try ["a", "b"].map {
      try fixture.run($0, ["model: resnet20", "dataset: cifar10"], errors: [0.1], result: 0.1)
    }
    let file = "\(runs[0])/mistakes.json"
    try Self.mistakes(classes: 3).write(toFile: file, atomically: true, encoding: .utf8)
    #expect(!RunPage(try runs.map { try RunRecord($0) }).html.contains("<img"))
    for text in [
      "", "{}", Self.mistakes(classes: 3).replacing("[9,1,0]", with: "[9,1]"),
      Self.mistakes(classes: 3).replacing("[9,1,0]", with: "[9,-9,0]"),
      Self.mistakes(classes: 3).replacing("[9,1,0]", with: "[9,9223372036854775807,0]"),
      Self.mistakes(classes: 3).replacing(Self.picture, with: "\\\" onload=\\\"x"),
    ] {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      #expect(throws: RunRecordError.damaged(path: file, line: nil)) { try RunRecord(runs[0]) }
    }
  }

  @Test("the page of a training in four steps has each step's curves below its own heading")
  func steps() throws {
    let fixture = try RunFixture()
    let settings = ["task: detection", "model: resnet18"]
    let whole = try fixture.run(
      "whole", settings + ["training: four-steps"], errors: [], result: nil)
    for step in 1...3 {
      let folder = try fixture.run(
        "whole/step\(step)", settings + ["training: \(step == 2 ? "fast-rcnn" : "rpn")"],
        errors: [], result: nil)
      let figures =
        step == 2 ? "\"AP\":0.25,\"AP50\":0.5" : "\"recall50\":0.75,\"average_recall\":0.5"
      try """
      {"step":4,"epoch":1,"split":"train","loss":\(step),"lr":0.1,"images_per_second":2,"seconds":1}
      {"step":4,"epoch":1,"split":"validation",\(figures),"seconds":1}

      """.write(toFile: "\(folder)/metrics.jsonl", atomically: true, encoding: .utf8)
    }
    func parts(_ html: String, _ heading: String) -> [String] {
      html.components(separatedBy: "<h2>\(heading)").dropFirst().map {
        $0.components(separatedBy: "<h2>")[0]
      }
    }
    let steps = parts(RunPage([try RunRecord(whole)]).html, "Step ")
    #expect(steps.count == 3)
    for (number, part) in zip(1..., steps) {
      #expect(part.hasPrefix("\(number): \(number == 2 ? "regions" : "proposals")"), "\(part)")
      let isOfRegions = number == 2
      #expect(part.contains("<figcaption>Loss</figcaption>"))
      #expect(part.contains("<figcaption>Average precision at an overlap of 0.5") == isOfRegions)
      for title in ["at an overlap of 0.5<", "at overlaps of 0.5 to 0.95, mean<"] {
        #expect(part.contains("<figcaption>Recall of proposals \(title)") != isOfRegions)
      }
    }
    // Beside another run, whose curves are its own.
    let other = try fixture.run("other", ["model: resnet20"], errors: [0.5, 0.25], result: nil)
    let both = RunPage(try [whole, other].map { try RunRecord($0) }).html
    #expect(parts(both, "whole, step ").count == 3)
    let error = "<figcaption>Error"
    #expect(parts(both, "other").filter { $0.contains(error) }.count == 1)
    #expect(both.components(separatedBy: error).count == 2)
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

    // A matrix that is wider than a phone scrolls in its own box, and the pictures are shown.
    let other = try page(mistakes: Self.mistakes(classes: 20))
    let probe = """
      <iframe style="width: 390px; height: 2000px" srcdoc="\(HTML.escaped(other.html))"></iframe>
      <script>
      const frame = document.querySelector("iframe");
      frame.onload = () => {
        const page = frame.contentDocument, box = page.querySelector(".matrix").parentElement;
        const image = page.querySelector(".mistakes img");
        document.title = [page.documentElement.scrollWidth <= 390, box.scrollWidth > box.clientWidth,
          image.naturalWidth, image.clientWidth].join(" ");
      };
      </script>
      """
    let phone = directory.file("phone.html")
    try probe.write(toFile: phone, atomically: true, encoding: .utf8)
    let measured = try ProcessRunner.run(
      chromium,
      [
        "--headless=new", "--no-sandbox", "--disable-gpu",
        "--user-data-dir=\(directory.file("profile"))", "--virtual-time-budget=5000",
        "--dump-dom", "file://\(phone)",
      ], timeout: 60)
    #expect(measured.standardOutput.contains("<title>true true 1 96</title>"), "\(measured)")
  }
}
