/// A terminal's screen as a person sees it, for what a progress bar uses: text, `\r`, `\n`, erase to
/// the end of the line, and attributes, which show nothing here.

struct ScreenEmulator {
  var lines: [String] { cells.map { String($0) } }
  /// Whether any text ran past the last column.
  private(set) var wrapped = false
  let width: Int
  private var cells: [[Character]] = [[]]
  private var column = 0

  init(width: Int) { self.width = width }

  mutating func feed(_ text: String) {
    var rest = Array(text.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r": column = 0
      case "\n":
        cells.append([])
        column = 0
      case "\u{1B}":
        let end = rest.firstIndex { $0.properties.isAlphabetic }!
        if rest[end] == "K" { cells[cells.count - 1].removeSubrange(column...) }
        rest = rest[(end + 1)...]
      default:
        if column >= width { wrapped = true }
        let row = cells.count - 1
        if column < cells[row].count {
          cells[row][column] = Character(scalar)
        } else {
          cells[row].append(Character(scalar))
        }
        column += 1
      }
    }
  }
}
