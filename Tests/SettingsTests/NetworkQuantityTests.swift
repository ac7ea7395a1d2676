/// Latencies and bandwidths with units.

import Settings
import Testing

@Suite struct NetworkQuantityTests {
  @Test(
    "latencies in seconds",
    arguments: [("50us", 50e-6), ("1.5ms", 1.5e-3), ("2 µs", 2e-6), ("0s", 0), ("7ns", 7e-9)])
  func latencies(text: String, seconds: Double) {
    #expect(abs((NetworkQuantity.latency(text) ?? .nan) - seconds) <= 1e-12 * seconds)
  }

  @Test(
    "bandwidths in bytes a second",
    arguments: [("10Gbit", 1.25e9), ("800Mbit", 1e8), ("1.25GB", 1.25e9), ("8kbit", 1000)])
  func bandwidths(text: String, bytes: Double) {
    #expect(abs((NetworkQuantity.bandwidth(text) ?? .nan) - bytes) <= 1e-12 * bytes)
  }

  @Test(
    "what is neither", arguments: ["", "50", "us", "-1us", "1e-3s", "fast", "10Gbit/s", "1.2.3ms"])
  func neither(text: String) {
    #expect(NetworkQuantity.latency(text) == nil)
    #expect(NetworkQuantity.bandwidth(text) == nil)
  }

  @Test("a bandwidth is positive")
  func zero() { #expect(NetworkQuantity.bandwidth("0Gbit") == nil) }
}
