/// Small whole files of the formats that the fixtures have none of.

enum Samples {
  // MARK: Tar

  /// Folders of classes, and numbered samples with their labels.
  static func tars(_ images: [[UInt8]]) -> [[UInt8]] {
    let few = images.filter { $0.count < 4096 }.prefix(3)
    let folders = few.enumerated().flatMap { member("class\($0.offset)/image.jpg", $0.element) }
    let numbered = few.enumerated().flatMap {
      member("00\($0.offset).jpg", $0.element) + member("00\($0.offset).cls", Array("1".utf8))
    }
    let end = [UInt8](repeating: 0, count: 1024)
    return [folders + end, numbered + end]
  }

  private static func member(_ name: String, _ contents: [UInt8]) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at place: Int) {
      header.replaceSubrange(place..<place + text.utf8.count, with: text.utf8)
    }
    let size = String(contents.count, radix: 8)
    put(name, at: 0)
    put("0000644", at: 100)
    put(String(repeating: "0", count: 11 - size.count) + size, at: 124)
    put("00000000000", at: 136)
    put("0", at: 156)
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

  static let idx = [[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28] + pattern(3 * 28 * 28)]
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
