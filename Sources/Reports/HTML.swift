/// Pages that need nothing but themselves.

/// One HTML file with its style, in light and dark, for screens of any width.
package enum HTML {
  /// A text that is shown as it is, whatever signs it has.
  package static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  /// A page.
  ///
  /// - Parameters:
  ///   - title: a text.
  ///   - body: HTML.
  package static func page(title: String, body: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
    <title>\(escaped(title))</title>
    <style>
    \(style)
    </style>
    </head>
    <body>
    <main>
    \(body)
    </main>
    </body>
    </html>

    """
  }

  /// A table; cells are texts.
  package static func table(_ header: [String], _ rows: [[String]]) -> String {
    func row(_ cells: [String], _ tag: String) -> String {
      "<tr>" + cells.map { "<\(tag)>\(escaped($0))</\(tag)>" }.joined() + "</tr>"
    }
    return """
      <div class="scroll"><table>
      <thead>\(row(header, "th"))</thead>
      <tbody>
      \(rows.map { row($0, "td") }.joined(separator: "\n"))
      </tbody>
      </table></div>
      """
  }

  /// Names and values.
  package static func list(_ rows: [(name: String, value: String)]) -> String {
    "<dl>" + rows.map { "<dt>\(escaped($0.name))</dt><dd>\(escaped($0.value))</dd>" }.joined()
      + "</dl>"
  }

  private static let style = """
    :root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #ffffff; --card: #f4f6f9; --rule: #dde3ea;
      --line-1: #1f6feb; --line-2: #d9480f; --line-3: #2b8a3e; --line-4: #862e9c; --line-5: #b08900; --line-6: #0b7285; --line-7: #c2255c; --line-8: #495057; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b4; --paper: #12161c; --card: #1b2129; --rule: #2e3742;
      --line-1: #6ea8fe; --line-2: #ff9a5c; --line-3: #6fd08c; --line-4: #d59df0; --line-5: #e8c547; --line-6: #5ccfe6; --line-7: #ff8fb3; --line-8: #adb5bd; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 48px; }
    h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
    h2 { font-size: 1.1rem; margin: 32px 0 8px; }
    p.lead { color: var(--soft); margin: 0 0 20px; overflow-wrap: anywhere; }
    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-bottom: 24px; }
    .card { background: var(--card); border-radius: 10px; padding: 12px 16px; }
    .card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
    .card span { color: var(--soft); font-size: 0.85rem; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 20px; }
    figure { margin: 0; background: var(--card); border-radius: 10px; padding: 12px 12px 10px; min-width: 0; }
    figure.wide { grid-column: 1 / -1; }
    figcaption { font-weight: 600; margin: 0 0 6px 4px; }
    svg { display: block; width: 100%; height: auto; }
    svg .grid { stroke: var(--rule); stroke-width: 1; }
    svg .tick { fill: var(--soft); font-size: 14px; font-family: inherit; }
    svg .line { fill: none; stroke: var(--color); stroke-width: 2.6; stroke-linejoin: round; }
    svg circle.line { fill: var(--color); }
    svg .thin { stroke-width: 1.2; opacity: 0.75; }
    .keys { margin: 4px 0 0 4px; font-size: 0.85rem; color: var(--soft); }
    .key { margin-right: 16px; white-space: nowrap; }
    .key::before { content: ""; display: inline-block; width: 22px; height: 0; border-top: 3px solid var(--color); margin-right: 6px; vertical-align: middle; }
    .key.thin::before { border-top-width: 1px; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0; }
    dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
    .scroll { overflow-x: auto; margin: 12px 0 24px; }
    table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
    th, td { text-align: left; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); white-space: nowrap; }
    th { color: var(--soft); font-weight: 600; }
    p.note { color: var(--soft); margin: 0 0 8px; font-size: 0.9rem; }
    .matrix { width: auto; border-collapse: separate; border-spacing: 2px; font-size: 0.9rem; }
    .matrix th, .matrix td { padding: 4px 8px; border: 0; border-radius: 4px; text-align: right; }
    .matrix th span { display: block; max-width: 11rem; overflow: hidden; text-overflow: ellipsis; }
    .matrix thead th { vertical-align: bottom; padding: 4px 0; }
    .matrix thead span { writing-mode: vertical-rl; transform: rotate(180deg); max-width: none; max-height: 9rem; margin: 0 auto; text-align: left; }
    .matrix tbody th { position: sticky; left: 0; background: var(--paper); padding-left: 0; }
    .matrix .none { color: var(--soft); background: var(--card); }
    .matrix .right { --color: var(--line-1); }
    .matrix .wrong { --color: var(--line-2); }
    .matrix .right, .matrix .wrong { background: color-mix(in srgb, color-mix(in srgb, var(--color) 50%, var(--paper)) var(--shade), var(--card)); }
    .mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(144px, 1fr)); gap: 12px; }
    .mistakes img { display: block; width: 96px; height: 96px; margin: 2px auto 8px; object-fit: contain; image-rendering: pixelated; }
    .mistakes figcaption { font-weight: 400; font-size: 0.85rem; line-height: 1.35; text-align: center; margin: 0; overflow-wrap: anywhere; }
    @media (max-width: 480px) { .matrix th span { max-width: 7rem; } .matrix thead span { max-width: none; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } main { padding-top: 16px; } }
    """
}
