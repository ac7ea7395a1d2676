/// An annotation file of Pascal VOC: XML.

import CExpat
import Foundation

/// What a file says of an image.
struct VOCAnnotation: Equatable {
  struct Object: Equatable {
    var name = ""
    var isDifficult = false
    /// xmin, ymin, xmax, ymax as in the file; nil: missing or no number.
    var corners: [Double?] = [nil, nil, nil, nil]
    /// Where the object begins.
    var line = 0
  }

  var width: Int?
  var height: Int?
  var objects: [Object] = []

  /// Ten thousand times what usual files have.
  private static let maximumByteCount = 1 << 24

  /// Parses a file.
  ///
  /// Expat reads no other files, and refuses entities that grow without bound.
  /// - Parameter path: for messages.
  /// - Throws: `DetectionDataError.damaged`.
  init(xml: Data, path: String) throws(DetectionDataError) {
    guard xml.count <= Self.maximumByteCount else {
      throw .damaged(
        path: path, line: nil,
        reason: "it has \(xml.count) bytes, an annotation at most \(Self.maximumByteCount)")
    }
    guard let parser = XML_ParserCreate(nil) else {
      throw .unreadable(path: path, reason: "there is no memory for the XML parser")
    }
    defer { XML_ParserFree(parser) }
    let reader = Reader(parser)
    XML_SetUserData(parser, Unmanaged.passUnretained(reader).toOpaque())
    XML_SetElementHandler(
      parser,
      { user, name, _ in Reader.of(user)?.begin(String(cString: name!)) },
      { user, _ in Reader.of(user)?.end() })
    XML_SetCharacterDataHandler(parser) { user, text, count in
      Reader.of(user)?.add(UnsafeBufferPointer(start: text, count: Int(count)))
    }
    let status = xml.withUnsafeBytes { bytes in
      XML_Parse(
        parser, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count), 1)
    }
    guard status == XML_STATUS_OK else {
      let code = XML_GetErrorCode(parser)
      let reason = XML_ErrorString(code).map { String(cString: $0) } ?? "unknown error"
      let isEncoding =
        code == XML_ERROR_UNKNOWN_ENCODING || code == XML_ERROR_INCORRECT_ENCODING
      throw .damaged(
        path: path, line: Int(XML_GetCurrentLineNumber(parser)),
        reason: isEncoding
          ? "the encoding that it states cannot be read (\(reason)): save it as UTF-8"
          : "this is no whole XML file (\(reason)): copy it again")
    }
    guard reader.isAnnotation else {
      throw .damaged(path: path, line: 1, reason: "this is not a VOC annotation")
    }
    self = reader.result
  }

  private init() {}

  /// Collects what is at known places of the tree.
  private final class Reader {
    private let parser: XML_Parser
    private var place: [String] = []
    private var text = ""
    var result = VOCAnnotation()
    var isAnnotation = false

    init(_ parser: XML_Parser) { self.parser = parser }

    static func of(_ user: UnsafeMutableRawPointer?) -> Reader? {
      user.map { Unmanaged<Reader>.fromOpaque($0).takeUnretainedValue() }
    }

    func begin(_ name: String) {
      place.append(name)
      text = ""
      if place == ["annotation"] { isAnnotation = true }
      if place == ["annotation", "object"] {
        var object = Object()
        object.line = Int(XML_GetCurrentLineNumber(parser))
        result.objects.append(object)
      }
    }

    func add(_ characters: UnsafeBufferPointer<CChar>) {
      // No value that is read is longer.
      if text.utf8.count > 4096 { return }
      text += String(decoding: characters.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func end() {
      // What is read is three or four deep.
      if (3...4).contains(place.count) {
        take(text.trimmingCharacters(in: .whitespacesAndNewlines))
      }
      place.removeLast()
      text = ""
    }

    private func take(_ value: String) {
      let last = result.objects.count - 1
      switch place {
      case ["annotation", "size", "width"]: result.width = Int(value)
      case ["annotation", "size", "height"]: result.height = Int(value)
      case ["annotation", "object", "name"]: result.objects[last].name = value
      case ["annotation", "object", "difficult"]: result.objects[last].isDifficult = value == "1"
      case _ where place.count == 4 && place[..<3] == ["annotation", "object", "bndbox"]:
        let corners = ["xmin", "ymin", "xmax", "ymax"]
        if let corner = corners.firstIndex(of: place[3]) {
          result.objects[last].corners[corner] = Double(value)
        }
      default: break
      }
    }
  }
}
