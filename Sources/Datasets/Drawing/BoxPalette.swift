/// Colours of classes in pictures.

/// A colour of 8-bit red, green and blue.
struct BoxColor: Hashable, Sendable {
  let red: UInt8
  let green: UInt8
  let blue: UInt8

  init(_ code: UInt32) {
    (red, green, blue) = (
      UInt8(code >> 16 & 255), UInt8(code >> 8 & 255), UInt8(code & 255)
    )
  }

  /// Black or white, whichever is easier to read on it, by its luma (ITU-R BT.601).
  var ink: BoxColor {
    let luma = 299 * Int(red) + 587 * Int(green) + 114 * Int(blue)
    return BoxColor(luma > 128_000 ? 0x000000 : 0xffffff)
  }

  /// The colour of a class; classes share one from the twenty-first on.
  static func ofClass(_ index: Int) -> BoxColor { palette[index % palette.count] }

  /// Neighbours differ in hue and lightness, so that few classes are told apart well.
  private static let palette: [BoxColor] = [
    0xe6194b, 0x3cb44b, 0xffd719, 0x2a6fdb, 0xf58231, 0x911eb4, 0x46dcf0, 0xf032e6, 0xb4e63c,
    0x8b4513, 0x12908e, 0xfaaac8, 0x6450dc, 0x808000, 0xb5ecc0, 0x800000, 0xd7a5ff, 0x1a237e,
    0xffb59a, 0x7f8c8d,
  ].map(BoxColor.init)
}
