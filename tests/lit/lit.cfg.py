import os

import lit.formats

config.name = "Weft"
config.suffixes = [".mlir"]
config.test_format = lit.formats.ShTest(execute_external=False)
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.weft_binary_dir, "tests", "lit")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.weft_binary_dir, "bin"), config.llvm_tools_dir, config.environment["PATH"]]
)
