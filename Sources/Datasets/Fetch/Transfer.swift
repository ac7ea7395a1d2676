/// One HTTP request that writes its body to a file, from the beginning or from where it stopped.

import Foundation
import FoundationNetworking

/// What is known of a half-arrived file, kept beside it: a server's name for the very version.
struct PartState: Codable, Equatable {
  /// The ETag, or Last-Modified where there is no strong one; what `If-Range` takes (RFC 9110, §13.1.5).
  var validator: String?

  init() {}

  init(_ response: HTTPURLResponse?) {
    let tag = response?.value(forHTTPHeaderField: "ETag").flatMap { $0.hasPrefix("W/") ? nil : $0 }
    validator = tag ?? response?.value(forHTTPHeaderField: "Last-Modified")
  }
}

/// A transfer in progress. Only the first `limit` bytes are accepted: a server that sends more is not
/// sending the expected file.
///
/// Data is written as it arrives. FoundationNetworking does not slow a server down, though: what comes
/// faster than the disk takes it waits in memory, in the worst case all that is still missing.
///
/// The session calls its delegate on one serial queue, and the owner reads the fields only after the
/// semaphore that the last call signals: nothing is used by two threads at once.
final class Transfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  enum Failure: Error {
    /// Worth another attempt.
    case transient(String)
    case final(FetchError)
  }

  private let url: URL
  private let part: String
  private let limit: Int
  private let progress: @Sendable (Int) -> Void
  private let finished = DispatchSemaphore(value: 0)
  private var handle: FileHandle?
  private var received: Int
  private var failure: Failure?
  private var timeout: TimeInterval = 0

  /// - Parameters:
  ///   - part: the file written to; a transfer resumes after the bytes it holds.
  ///   - progress: called with the bytes that have arrived.
  init(_ url: URL, part: String, limit: Int, progress: @escaping @Sendable (Int) -> Void) {
    self.url = url
    self.part = part
    self.limit = limit
    self.progress = progress
    let attributes = try? FileManager.default.attributesOfItem(atPath: part)
    received = (attributes?[.size] as? Int) ?? 0
  }

  private var statePath: String { "\(part).json" }

  private var state: PartState {
    get {
      FileManager.default.contents(atPath: statePath)
        .flatMap { try? JSONDecoder().decode(PartState.self, from: $0) } ?? PartState()
    }
    set { try? JSONEncoder().encode(newValue).write(to: URL(fileURLWithPath: statePath)) }
  }

  /// Transfers what is missing.
  ///
  /// - Throws: `Failure`.
  func run(timeout: TimeInterval) throws(Failure) {
    if received == limit { return }
    self.timeout = timeout
    var request = URLRequest(url: url)
    // Bytes are resumed only of the same version: without a validator start again.
    if received > 0, received < limit, let validator = state.validator {
      request.setValue("bytes=\(received)-", forHTTPHeaderField: "Range")
      request.setValue(validator, forHTTPHeaderField: "If-Range")
    }
    // A compressed transfer would have other byte positions.
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = timeout
    let session = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
    session.dataTask(with: request).resume()
    finished.wait()
    session.finishTasksAndInvalidate()
    try? handle?.close()
    if let failure { throw failure }
  }

  /// Drops what has arrived: it is of no use.
  private func discard() {
    try? FileManager.default.removeItem(atPath: part)
    try? FileManager.default.removeItem(atPath: statePath)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    do {
      try open(response as? HTTPURLResponse)
      completionHandler(.allow)
    } catch {
      failure = error
      completionHandler(.cancel)
    }
  }

  /// Opens the part file as the answer demands: to go on, or from the beginning.
  private func open(_ response: HTTPURLResponse?) throws(Failure) {
    let status = response?.statusCode ?? 0
    switch status {
    case 206:
      let range = response?.value(forHTTPHeaderField: "Content-Range") ?? ""
      guard range.hasPrefix("bytes \(received)-") else {
        discard()
        throw .transient("the server sends another part of the file than was requested")
      }
    case 200:
      // A login page in the file's place, say, leaves what has arrived alone.
      let length = Int(response?.value(forHTTPHeaderField: "Content-Length") ?? "") ?? limit
      let isPlain = response?.value(forHTTPHeaderField: "Content-Encoding") == nil
      guard length == limit || !isPlain else {
        throw .final(.wrongSize(url: url.absoluteString, expected: limit, found: length))
      }
      received = 0
    case 416:
      // The server's file is shorter than what is here: another version.
      discard()
      throw .transient("the file on the server has changed")
    case 408, 425, 429, 500, 502, 503, 504: throw .transient("the server answers \(status)")
    default: throw .final(.http(url: url.absoluteString, status: status))
    }
    if received == 0 {
      guard FileManager.default.createFile(atPath: part, contents: nil) else {
        throw .final(.current(part))
      }
    }
    // The rest of a file may come without its name; it is the version that was requested.
    if status == 200 { state = PartState(response) }
    guard let handle = FileHandle(forWritingAtPath: part) else { throw .final(.current(part)) }
    do { try handle.seek(toOffset: UInt64(received)) } catch { throw .final(.current(part)) }
    self.handle = handle
    progress(received)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    guard failure == nil, let handle else { return }
    guard received + data.count <= limit else {
      failure = .final(
        .wrongSize(url: url.absoluteString, expected: limit, found: received + data.count))
      discard()
      dataTask.cancel()
      return
    }
    do { try handle.write(contentsOf: data) } catch {
      failure = .final(.writing(part, error))
      dataTask.cancel()
      return
    }
    received += data.count
    progress(received)
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
  ) {
    if failure == nil {
      if let error {
        let isTimeout = (error as? URLError)?.code == .timedOut
        failure = .transient(
          isTimeout ? "no data for \(Int(timeout)) s" : error.localizedDescription)
      } else if received < limit {
        failure = .transient("the connection ended after \(received) of \(limit) bytes")
      }
    }
    finished.signal()
  }
}
