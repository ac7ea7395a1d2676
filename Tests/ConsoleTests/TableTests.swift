/// Tables and the figures in them.

import Console
import Tensors
import Testing

@Suite struct TableTests {
  @Test(
    "durations read like a clock",
    arguments: [(0, "0:00"), (41, "0:41"), (727, "12:07"), (3599, "59:59"), (3753, "1:02:33")])
  func durations(seconds: Int, text: String) {
    #expect(Duration.seconds(seconds).clockText == text)
  }

  @Test("a duration just below a minute rounds to a minute")
  func rounding() {
    #expect(Duration.milliseconds(59_700).clockText == "1:00")
    #expect(Duration.seconds(-3).clockText == "0:00")
    for seconds in [1e30, -1e30, .infinity, .nan] {
      #expect(Duration.clockText(seconds: seconds) == "-")
    }
    #expect(Duration.clockText(seconds: 3600) == "1:00:00")
  }

  @Test(
    "numbers are grouped by three digits",
    arguments: [
      (0, "0"), (999, "999"), (1000, "1,000"), (269_722, "269,722"), (-19_421_274, "-19,421,274"),
      (Int.min, "-9,223,372,036,854,775,808"),
    ])
  func grouping(number: Int, text: String) {
    #expect(number.grouped == text)
  }

  @Test("the rows of the epoch table stand under their header")
  func epochTable() {
    let console = CapturedConsole()
    let table = EpochTable(epochs: 5, steps: 2345)
    table.writeHeader(to: console)
    table.write(
      .init(
        epoch: 1, step: 469, learningRate: 0.1, trainLoss: 0.72134, trainError: 0.2612,
        testLoss: 0.5012, testError: 0.1787, imagesPerSecond: 812.4, time: .seconds(75)),
      to: console)
    table.write(
      .init(
        epoch: 5, step: 2345, learningRate: 0.001, trainLoss: 12.5, trainError: 1,
        imagesPerSecond: 7.3, time: .seconds(3753)),
      to: console)
    #expect(
      console.text == """
                               ----- train -----  ----- test ------
        epoch   step       lr     loss     error     loss     error  images/s     time
          1/5    469      0.1    0.721   26.12 %    0.501   17.87 %       812     1:15
          5/5  2,345    0.001    12.50  100.00 %        -         -       7.3  1:02:33

        """)
  }

  @Test("an epoch that trained no images has dashes; other figures that are no numbers are nan")
  func notNumbers() {
    let table = EpochTable(epochs: 5, steps: 2345)
    let row = EpochTable.Row(
      epoch: 1, step: 469, learningRate: 0.1, trainLoss: .nan, trainError: .nan, testLoss: -.nan,
      testError: 0.5, imagesPerSecond: 7.3, time: .seconds(75))
    #expect(
      table.text(row)
        == "  1/5    469      0.1        -         -      nan   50.00 %       7.3     1:15")
    for value in [Double.nan, -.nan, .infinity - .infinity] {
      #expect(NumberFormat.loss(value) == "nan" && NumberFormat.percent(value) == "nan")
      #expect(NumberFormat.plain(value) == "nan")
      #expect(NumberFormat.decimal(value, decimals: 4) == "nan")
    }
    #expect(NumberFormat.loss(-.infinity) == "-inf" && NumberFormat.plain(0.1) == "0.1")
    #expect(NumberFormat.decimal(0.12345, decimals: 3) == "0.123")
  }

  @Test("only a console with colour gets escape sequences")
  func color() {
    let plain = CapturedConsole(isTerminal: true)
    let colored = CapturedConsole(isTerminal: true, usesColor: true)
    for console in [plain, colored] {
      EpochTable(epochs: 1, steps: 1).writeHeader(to: console)
    }
    #expect(!plain.text.contains("\u{1B}"))
    #expect(colored.text.contains("\u{1B}[1m"))
  }

  @Test("the values of a summary begin in one column")
  func summary() {
    var table = SummaryTable()
    table.add("network", "ResNet-20, shortcut A")
    table.add("parameters", 269_722)
    table.add("data", "Fashion-MNIST\n60,000 + 10,000 images")
    #expect(
      table.description == """
        network     ResNet-20, shortcut A
        parameters  269,722
        data        Fashion-MNIST
                    60,000 + 10,000 images

        """)
  }
}
