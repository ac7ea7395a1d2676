/// What this process was started with.

package enum ProcessArguments {
  /// All arguments, the program's name first.
  ///
  /// Swift finds them beside the environment, and finds none once a preloaded library (a profiler's) has added a
  /// variable to it: the program would do what it does without arguments.
  package static var all: [String] {
    if !CommandLine.arguments.isEmpty { return CommandLine.arguments }
    return ProcFile.text("/proc/self/cmdline").split(
      separator: "\0", omittingEmptySubsequences: false
    )
    .dropLast().map(String.init)
  }
}
