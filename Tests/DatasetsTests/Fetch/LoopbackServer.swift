/// A small HTTP server on 127.0.0.1 that can misbehave in the ways that networks do.

import Foundation
import Glibc
import Synchronization

/// Serves bytes at any path; ends with the process or when it is dropped.
final class LoopbackServer: Sendable {
  struct Behaviour: Sendable {
    var content: [UInt8] = []
    var etag: String? = "\"version-1\""
    var honoursRange = true
    /// Sent beside the ETag.
    var lastModified: String?
    /// Whether the rest of a file is sent with the ETag too.
    var namesParts = true
    /// Added to the first byte of a part, as a broken server would.
    var shift = 0
    /// Statuses to answer with first, in order, instead of the content.
    var statuses: [Int] = []
    /// Bytes of the body after which the connection is cut, one for each of the first answers.
    var cuts: [Int] = []
    /// Bytes of the body after which nothing more comes, for a few seconds.
    var silenceAfter: Int?
  }

  struct Request: Sendable, Equatable {
    let path: String
    let range: String?
    let bodyBytes: Int
  }

  private let descriptor: Int32
  let port: UInt16
  private let behaviour: Mutex<Behaviour>
  private let log = Mutex<[Request]>([])

  init(_ behaviour: Behaviour) {
    self.behaviour = Mutex(behaviour)
    signal(SIGPIPE, SIG_IGN)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    descriptor = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        let result = bind(listener, address, length)
        listen(listener, 8)
        getsockname(listener, address, &length)
        return result
      }
    }
    precondition(bound == 0, "no loopback port")
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        self?.answer(connection)
        close(connection)
      }
    }
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  /// The mirror to fetch from.
  var url: URL { URL(string: "http://127.0.0.1:\(port)/files/")! }

  /// What was asked for and answered so far.
  var requests: [Request] { log.withLock { $0 } }

  func change(_ body: (inout Behaviour) -> Void) { behaviour.withLock { body(&$0) } }

  private func answer(_ connection: Int32) {
    let lines = readHead(connection)
    guard let first = lines.first else { return }
    let path = first.split(separator: " ").dropFirst().first.map { String($0) } ?? ""
    let headers = Dictionary(
      lines.dropFirst().compactMap { line -> (String, String)? in
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
      }, uniquingKeysWith: { first, _ in first })
    let (now, status, cut) = behaviour.withLock { behaviour in
      (
        behaviour, behaviour.statuses.isEmpty ? nil : behaviour.statuses.removeFirst(),
        behaviour.cuts.isEmpty ? nil : behaviour.cuts.removeFirst()
      )
    }
    if let status {
      send(
        connection,
        Array("HTTP/1.1 \(status) No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8))
      log.withLock { $0.append(Request(path: path, range: headers["range"], bodyBytes: 0)) }
      return
    }
    var from = 0
    if now.honoursRange, let range = headers["range"], let validator = headers["if-range"],
      validator == now.etag && !validator.hasPrefix("W/") || validator == now.lastModified,
      let start = range.split(separator: "=").last?.split(separator: "-").first.flatMap({ Int($0) })
    {
      from = start + now.shift
    }
    var head = "HTTP/1.1 \(from > 0 ? "206 Partial Content" : "200 OK")\r\n"
    head += "Content-Length: \(now.content.count - from)\r\nConnection: close\r\n"
    if from > 0 {
      head += "Content-Range: bytes \(from)-\(now.content.count - 1)/\(now.content.count)\r\n"
    }
    if let date = now.lastModified { head += "Last-Modified: \(date)\r\n" }
    if let etag = now.etag, from == 0 || now.namesParts { head += "ETag: \(etag)\r\n" }
    send(connection, Array((head + "\r\n").utf8))
    if let silenceAfter = now.silenceAfter {
      send(connection, Array(now.content[from..<(from + silenceAfter)]))
      sleep(3)
      return
    }
    let end = cut.map { min(from + $0, now.content.count) } ?? now.content.count
    send(connection, Array(now.content[from..<end]))
    log.withLock {
      $0.append(Request(path: path, range: headers["range"], bodyBytes: end - from))
    }
  }

  private func readHead(_ connection: Int32) -> [String] {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < 65536, recv(connection, &byte, 1, 0) == 1 {
      bytes.append(byte)
      if bytes.suffix(4) == [13, 10, 13, 10] { break }
    }
    return String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
      .filter { !$0.isEmpty }
  }

  private func send(_ connection: Int32, _ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress! + sent, bytes.count - sent, 0)
      }
      guard count > 0 else { return }
      sent += count
    }
  }
}
