/// The parts of Open MPI that carry messages in this process.

import System

enum OpenMPIComponents {
  /// Such as `pml_ob1`, `btl_vader` (shared memory) and `btl_tcp`; empty where they are no files of
  /// their own (Open MPI 5).
  ///
  /// Once MPI is initialized, those that were not chosen are unloaded.
  static var transports: [String] {
    let names = ProcFile.text("/proc/self/maps").matches(of: /mca_((?:pml|btl|mtl)_\w+)\.so/)
      .map { String($0.1) }
    return Set(names).sorted()
  }
}
