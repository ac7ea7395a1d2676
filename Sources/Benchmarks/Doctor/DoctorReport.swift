/// What `doctor` tells: the measurements and what to make of them.

package struct DoctorReport: Codable, Sendable {
  package private(set) var findings: [Finding]
  package let measured: Examination

  package init(_ measured: Examination) {
    self.measured = measured
    findings =
      measured.processorFindings + measured.communicationFindings + measured.runFindings
  }

  /// Adds what another check has found.
  package mutating func add(_ more: [Finding]) { findings += more }

  package var json: String { sortedJSON }

  package var text: String { findings.table + "\n\n" + findings.verdict }
}
