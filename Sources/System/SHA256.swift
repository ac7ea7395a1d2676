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
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    guard EVP_DigestUpdate(context, base, bytes.count) == 1 else {
      fatalError("libcrypto cannot continue a SHA-256")
    }
  }

  /// Adds bytes to the message.
  public mutating func update(_ bytes: some Sequence<UInt8>) {
    Array(bytes).withUnsafeBytes { update($0) }
  }

  /// The digest of the message, in 64 lower-case hexadecimal digits.
  public consuming func hexadecimal() -> String {
    let digest = [UInt8](unsafeUninitializedCapacity: Self.count) { buffer, count in
      guard EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1 else {
        fatalError("libcrypto cannot finish a SHA-256")
      }
      count = Self.count
    }
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The digest of a whole message, in 64 lower-case hexadecimal digits.
  public static func hexadecimal(of bytes: some Sequence<UInt8>) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.hexadecimal()
  }
}
