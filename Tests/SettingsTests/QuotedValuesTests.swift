/// Tests of values that YAML would take for something else.

import Settings
import Testing

@Suite struct QuotedValuesTests {
  @Test(
    "names that look like other YAML values survive being written and read",
    arguments: ["null", "~", "yes", "1e3", "some: odd #path", "- a", "[x]", "'", "\"", "ünï"])
  func names(name: String) throws {
    var configuration = TrainingConfiguration()
    configuration.dataDirectory = name
    configuration.weights = name
    let yaml = try configuration.yaml()
    let values = try TrainingConfiguration.values(yaml: yaml, path: "test")
    #expect(try TrainingConfiguration(values) == configuration, "\(yaml)")
  }
}
