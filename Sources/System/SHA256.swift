/// SHA-256 (FIPS 180-4), computed by OpenSSL's libcrypto.

internal import CCrypto

/// A SHA-256 digest in progress.
public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  /// Bytes of a digest.
  private static let count = 32

  public init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    else { fatalError("libcrypto has no SHA-256") }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Adds bytes to the message.
  public mutating func update(_ bytes: RawSpan) {
    let isDone = bytes.withUnsafeBytes { bytes in
      bytes.isEmpty || EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
    }
    guard isDone else { fatalError("libcrypto cannot continue a SHA-256") }
  }

  /// Adds bytes to the message.
  public mutating func update(_ bytes: some Sequence<UInt8>) { update(Array(bytes).span.bytes) }

  /// Adds a number's bytes, in memory's order, to the message.
  public mutating func update(_ number: some FixedWidthInteger & BitwiseCopyable) {
    update([number].span.bytes)
  }

  /// The digest of the message, in 64 lower-case hexadecimal digits.
  public consuming func hexadecimal() -> String {
    let digest = [UInt8](unsafeUninitializedCapacity: Self.count) { buffer, count in
      guard EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1 else {
        fatalError("libcrypto cannot finish a SHA-256")
      }
      count = Self.count
    }
    return Hexadecimal.text(digest)
  }

  /// The digest of a whole message, in 64 lower-case hexadecimal digits.
  public static func hexadecimal(of bytes: some Sequence<UInt8>) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.hexadecimal()
  }
}

extension SHA256 {
  /// The digest of a file's bytes, in 64 lower-case hexadecimal digits.
  ///
  /// Reads it in pieces: archives are larger than what one wants in memory.
  package static func hexadecimal(ofFile path: String) throws(FileReadError) -> String {
    let file = try ReadableFile(path)
    var hash = SHA256()
    let failure = hash.update(file)
    let digest = hash.hexadecimal()
    if let failure { throw failure }
    return digest
  }

  /// Adds a file's bytes. Returns an error: swiftc 6.3 crashes where one is thrown past a digest.
  private mutating func update(_ file: ReadableFile) -> FileReadError? {
    for first in stride(from: 0, to: file.count, by: 1 << 20) {
      do throws(FileReadError) {
        update(try file.bytes(first..<min(first + 1 << 20, file.count)))
      } catch { return error }
    }
    return nil
  }
}
