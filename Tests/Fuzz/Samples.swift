/// Small whole files of the formats that the fixtures have none of.

import CZlib

enum Samples {
  // MARK: Tar

  /// Folders of classes, and numbered samples with their labels.
  static func tars(_ images: [[UInt8]]) -> [[UInt8]] {
    let few = images.filter { $0.count < 4096 }.prefix(3)
    let folders = few.enumerated().flatMap { member("class\($0.offset)/image.jpg", $0.element) }
    let numbered = few.enumerated().flatMap {
      member("00\($0.offset).jpg", $0.element) + member("00\($0.offset).cls", Array("1".utf8))
    }
    // Extended headers: names and sizes that do not fit the usual ones, numbers that are not octal.
    let image = few.first ?? []
    let extended =
      member("pax", pax("mtime", "1700000000.123456789") + pax("size", "\(image.count)"), kind: "x")
      + member("a/b.jpg", image)
      + member(
        "././@LongLink", Array("\(String(repeating: "long/", count: 40))c.jpg\u{0}".utf8), kind: "L"
      )
      + member("c.jpg", image) + member("a/d.jpg", image, isBinary: true)
    return [folders, numbered, extended].map { $0 + end }
  }

  /// Files and folders, and what may not be unpacked.
  static let archives = [
    member("inner/", [], kind: "5") + member("inner/a.bin", Array("abc".utf8))
      + member("b.bin", []),
    member("../evil.bin", Array("evil".utf8)), member("/tmp/evil.bin", Array("evil".utf8)),
    member("inner/a", [], kind: "2", link: "../..")
      + member("inner/a/evil.bin", Array("evil".utf8)),
    member("a", Array("abc".utf8)) + member("b", [], kind: "1", link: "../../made.tar.gz"),
    member("pax", pax("path", "../evil.bin"), kind: "x") + member("a", []),
  ].map { $0 + end }

  /// A record of an extended header; it begins with its own length, here of two digits.
  private static func pax(_ key: String, _ value: String) -> [UInt8] {
    let rest = " \(key)=\(value)\n"
    return Array("\(rest.utf8.count + 2)\(rest)".utf8)
  }

  private static let end = [UInt8](repeating: 0, count: 1024)

  /// - Parameters:
  ///   - kind: the type flag.
  ///   - isBinary: whether the size is in base 256.
  private static func member(
    _ name: String, _ contents: [UInt8], kind: String = "0", link: String = "",
    isBinary: Bool = false
  ) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at place: Int) {
      header.replaceSubrange(place..<place + text.utf8.count, with: text.utf8)
    }
    let size = String(contents.count, radix: 8)
    put(name, at: 0)
    put("0000644", at: 100)
    put(String(repeating: "0", count: 11 - size.count) + size, at: 124)
    if isBinary {
      header[124] = 0x80
      for byte in 1..<12 {
        header[124 + byte] =
          byte < 4 ? 0 : UInt8(truncatingIfNeeded: contents.count >> (8 * (11 - byte)))
      }
    }
    put("00000000000", at: 136)
    put(kind, at: 156)
    put(link, at: 157)
    put("ustar", at: 257)
    put("00", at: 263)
    setChecksum(&header, at: 0)
    let padding = (512 - contents.count % 512) % 512
    return header + contents + [UInt8](repeating: 0, count: padding)
  }

  /// Gives every block that looks like a header the checksum of its bytes.
  static func repairTar(_ bytes: inout [UInt8]) {
    for start in stride(from: 0, to: bytes.count - 511, by: 512)
    where bytes[start + 257..<start + 262].elementsEqual("ustar".utf8) {
      setChecksum(&bytes, at: start)
    }
  }

  private static func setChecksum(_ bytes: inout [UInt8], at start: Int) {
    let field = start + 148..<start + 156
    bytes.replaceSubrange(field, with: repeatElement(UInt8(ascii: " "), count: 8))
    let sum = bytes[start..<start + 512].reduce(0) { $0 + Int($1) }
    let digits = String(sum, radix: 8)
    let text = String(repeating: "0", count: 6 - digits.count) + digits
    bytes.replaceSubrange(field, with: Array(text.utf8) + [0, UInt8(ascii: " ")])
  }

  // MARK: Fashion-MNIST and CIFAR

  private static func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
  }

  /// Plain and compressed.
  static let idx = [idxImages, gzip(idxImages)]
  private static let idxImages: [UInt8] =
    [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28] + pattern(3 * 28 * 28)

  /// A gzip file (RFC 1952), without its checksum: zlib reports that only after all bytes.
  private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var size = compressBound(UInt(bytes.count))
    var compressed = [UInt8](repeating: 0, count: Int(size))
    precondition(compress(&compressed, &size, bytes, UInt(bytes.count)) == Z_OK)
    // Without zlib's own header and checksum.
    return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + compressed[2..<Int(size) - 4]
  }

  static let idxLabels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]
  static let cifar = [(0..<2).flatMap { [UInt8($0)] + pattern(3072) }]

  // MARK: VOC

  static let voc = [
    """
    <?xml version="1.0" encoding="utf-8"?>
    <annotation><folder>a</folder><filename>a.jpg</filename>
    <size><width>640</width><height>480</height><depth>3</depth></size>
    <object><name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2.5</ymin>
    <xmax>300</xmax><ymax>200</ymax></bndbox></object>
    <object><name>dog &amp; cat</name><bndbox><xmin>600</xmin><ymin>1</ymin><xmax>640</xmax>
    <ymax>480</ymax></bndbox><part><name>head</name></part></object></annotation>
    """,
    "<!DOCTYPE annotation [<!ENTITY a \"b\">]><annotation><size><width>9</width><height>9</height>"
      + "</size><object><name>&a;</name></object></annotation>",
  ].map { Array($0.utf8) }

  // MARK: YAML

  static let yaml = [
    "model: resnet56\nepochs: 3\nlr: 0.1\nmean: 0.5,0.5,0.5\nderived:\n  threads: 4\n",
    """
    base: {recipe: he2015-cifar, wd: 1e-4}
    runs:
      - name: plain
        model: plain20
      - {name: residual, model: resnet20}
    grid:
      lr: [0.1, 0.05]
      batch-size: [64, 128]
    seeds: [1, 2, 3]
    """,
    "a: &a [1, 2]\nb: &b [*a, *a]\nc: [*b, *b]\nmodel: *a\n",
  ].map { Array($0.utf8) }
}
