/// Configurations of texts, for the tests.

import Settings

extension TrainingConfiguration {
  /// The defaults with values in the command line's spelling; the last one of a key wins.
  init(_ values: [(key: String, value: String)]) throws(ConfigurationError) {
    self = try ConfigurationChanges(parsing: values.map { .init($0.key, $0.value) })
      .applied(to: .init())
  }

  /// The defaults with the values of a YAML text.
  init(yaml: String, path: String = "run.yaml") throws(ConfigurationError) {
    self = try ConfigurationChanges(yaml: yaml, path: path).applied(to: .init())
  }
}
