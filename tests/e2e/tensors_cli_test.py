#!/usr/bin/env python3
"""`weft compile model.mlir` and `weft run --input … --output …`, as their users call them."""
import json
import struct
import zipfile

from cli_support import TestCase, main

PROGRAM = """
func.func @main(%a: tensor<2x3xf32> {xf.name = "a", xf.dtype = "float32"},
                %n: tensor<3xi64> {xf.name = "n", xf.dtype = "int64", xf.default = 2 : i64})
    -> (tensor<2x3xf32> {xf.name = "twice", xf.dtype = "float32"}, tensor<3xi64> {xf.name = "n2", xf.dtype = "int64"}) {
  %0 = arith.addf %a, %a : tensor<2x3xf32>
  %1 = arith.muli %n, %n : tensor<3xi64>
  return %0, %1 : tensor<2x3xf32>, tensor<3xi64>
}
"""


def npy(path, descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)
    return path


def values(archive, name, form):
    data = zipfile.ZipFile(archive).read(f"{name}.npy")
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return list(struct.unpack(f"<{(len(data) - start) // struct.calcsize(form)}{form}", data[start:]))


class Tensors(TestCase):
    def setUp(self):
        super().setUp()
        self.program = self.folder / "twice.mlir"
        self.program.write_text(PROGRAM)
        self.a = npy(self.folder / "a.npy", "<f4", (2, 3), struct.pack("<6f", 1, 2, 3, -4, 5, 6))
        self.n = npy(self.folder / "n.npy", "<i8", (3,), struct.pack("<3q", 1, -2, 3))

    def compiled(self):
        package = self.folder / "twice.weft"
        self.weft("compile", self.program, "--mesh", "3x2", "-o", package, "--json", self.folder / "c.json")
        return package

    def test_runs(self):
        package = self.compiled()
        report = json.loads((self.folder / "c.json").read_text())
        self.assertEqual(report["general"]["distributed"] + report["general"]["replicated"], len(report["general"]["ops"]))
        out = self.folder / "out.npz"
        done = self.weft("run", package, "--input", f"a={self.a}", "--input", f"n={self.n}", "--output", out, "--json",
                         self.folder / "r.json")
        self.assertIn("twice float32 [2, 3]", done.stdout)
        self.assertEqual(values(out, "twice", "f"), [2, 4, 6, -8, 10, 12])
        self.assertEqual(values(out, "n2", "q"), [1, 4, 9])
        # Integers of another type are taken where their values are the same.
        narrow = npy(self.folder / "narrow.npy", "<i4", (3,), struct.pack("<3i", 1, -2, 3))
        self.weft("run", package, "--input", f"a={self.a}", "--input", f"n={narrow}", "--output", out)
        self.assertEqual(values(out, "n2", "q"), [1, 4, 9])
        large = npy(self.folder / "large.npy", "<u8", (3,), struct.pack("<3Q", 1, 2**63, 3))
        self.refused("run", package, "--input", f"a={self.a}", "--input", f"n={large}",
                     says="input 'n' has 9223372036854775808 at place 1, which int64 does not have")
        run = json.loads((self.folder / "r.json").read_text())
        self.assertGreater(run["cycles"]["main"], 0)
        timing = self.weft("run", package, "--timing-only")
        self.assertIn("main by op", timing.stdout)
        # Archives are inputs, too, and an input with a default may be left out.
        with zipfile.ZipFile(self.folder / "in.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(self.a, "a.npy")
        self.weft("run", package, "--input", self.folder / "in.npz", "--output", out)
        self.assertEqual(values(out, "n2", "q"), [4, 4, 4])

    def test_inputs_that_are_wrong(self):
        package = self.compiled()
        self.refused("run", package, "--output", "o.npz", says="input 'a' is missing; give it with --input a=FILE.npy, float32 [2, 3]")
        self.refused("run", package, "--input", f"b={self.a}", says="no input 'b': it has a, n")
        self.refused("run", package, "--input", f"a={self.a}", "--input", f"a={self.a}", says="'a' is given twice")
        self.refused("run", package, "--input", f"a={self.n}", says="elements of type int64, the program takes float32")
        flat = npy(self.folder / "flat.npy", "<f4", (6,), bytes(24))
        self.refused("run", package, "--input", f"a={flat}", says="the shape [6], the program takes [2, 3]")
        self.refused("run", package, "--input", "a=nowhere.npy", says="nowhere.npy")
        self.refused("run", package, "--input", str(self.a), says="neither NAME=FILE.npy nor FILE.npz", status=2)
        self.refused("run", package, "--input", "a=", says="--input 'a=' is neither NAME=FILE.npy nor FILE.npz: no file is named", status=2)
        self.refused("run", package, "--input", "=a.npy", says="no name of an input is before the '='", status=2)
        self.refused("run", self.program, "--output", "o.txt", says="--output 'o.txt' is neither FILE.npz", status=2)
        self.refused("run", package, "--gemm", "cannon", "--dim", "n=2", says="is compiled already: --gemm, --dim go with a model", status=2)
        self.refused("run", package, "--prompt", "once", says="generates no text", status=2)
        self.refused("run", package, "--timing-only", "--input", f"a={self.a}", says="need data", status=2)

    def test_a_run_without_inputs_says_which_it_wants(self):
        self.program.write_text(PROGRAM.replace(', xf.default = 2 : i64', ''))
        wanted = ("inputs 'a', 'n' are missing", "--input FILE.npz", "--input a=FILE.npy, float32 [2, 3]; --input "
                  "n=FILE.npy, int64 [3]")
        self.refused("run", self.compiled(), says=wanted)
        self.refused("run", self.program, "--mesh", "3x2", says=wanted)
        self.refused("run", self.program, "--mesh", "3x2", "--input", f"a={self.a}",
                     says="input 'n' is missing; give it with --input n=FILE.npy, int64 [3]")
        self.refused("run", self.folder / "nowhere", says="give the prompt", status=2)

    def test_a_result_alone_may_be_an_npy_file(self):
        package = self.compiled()
        self.refused("run", package, "--input", f"a={self.a}", "--output", "y.npy",
                     says="--output y.npy: a .npy file has one array, and the program has 2 results (twice, n2); name a .npz file")
        self.program.write_text("func.func @main(%a: tensor<3xi64> {xf.name = \"a\"}) -> tensor<3xi64> {\n"
                                "  %0 = arith.addi %a, %a : tensor<3xi64>\n  return %0 : tensor<3xi64>\n}")
        self.weft("run", self.compiled(), "--input", f"a={self.n}", "--output", "y.npy")
        data = (self.folder / "y.npy").read_bytes()
        self.assertEqual(data[:6], b"\x93NUMPY")
        self.assertEqual(struct.unpack("<3q", data[-24:]), (2, -4, 6))

    def test_a_value_that_decided_shapes(self):
        self.program.write_text(PROGRAM.replace("xf.default = 2 : i64", "xf.value = array<i64: 1, -2, 3>"))
        package, out = self.compiled(), self.folder / "out.npz"
        other = npy(self.folder / "other.npy", "<i8", (3,), struct.pack("<3q", 1, 2, 3))
        self.refused("run", package, "--input", f"a={self.a}", "--input", f"n={other}",
                     says="input 'n' decides shapes, and the program was compiled for the value [1, -2, 3] alone")
        self.weft("run", package, "--input", f"a={self.a}", "--output", out)
        self.assertEqual(values(out, "n2", "q"), [1, 4, 9])

    def test_loops_that_data_end(self):
        self.program.write_text("""
func.func @main(%a: tensor<3xf32> {xf.name = "a"}, %n: tensor<i64> {xf.name = "n"}) -> (tensor<3xf32> {xf.name = "y"}) {
  %end = tensor.extract %n[] : tensor<i64>
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %r:2 = scf.while (%i = %zero, %v = %a) : (i64, tensor<3xf32>) -> (i64, tensor<3xf32>) {
    %more = arith.cmpi slt, %i, %end : i64
    scf.condition(%more) %i, %v : i64, tensor<3xf32>
  } do {
  ^bb0(%i: i64, %v: tensor<3xf32>):
    %next = arith.addi %i, %one : i64
    %sum = arith.addf %v, %v : tensor<3xf32>
    scf.yield %next, %sum : i64, tensor<3xf32>
  }
  return %r#1 : tensor<3xf32>
}
""")
        package, out = self.compiled(), self.folder / "out.npz"
        a = npy(self.folder / "v.npy", "<f4", (3,), struct.pack("<3f", 1, -2, 3))
        n = npy(self.folder / "count.npy", "<i8", (), struct.pack("<q", 4))
        self.weft("run", package, "--input", f"a={a}", "--input", f"n={n}", "--output", out)
        self.assertEqual(values(out, "y", "f"), [16, -32, 48])

    def test_options_for_text(self):
        for option in (["--max-seq", "9"], ["--dtype", "i8"], ["--phase", "decode"], ["--gemm", "cannon"]):
            self.refused("compile", self.program, *option, says=f"{option[0]} is for models that generate text")

    def test_sizes_of_dimensions(self):
        for wrong in ("n=-1", "n", "n=", "n=2x", "n=2147483648"):
            self.refused("compile", self.program, "--dim", wrong, says="N within 0 to 2147483647", status=2)
        self.refused("compile", self.program, "--dim", " n = 0, m=1", says="--dim m: shapes in")

    def test_modules_that_are_wrong(self):
        def refused(text, says):
            self.program.write_text(text)
            self.refused("compile", self.program, says=says)

        refused("func.func @main() { this is no op }", "twice.mlir\":1:")
        refused("func.func @f() { return }\nfunc.func @g() { return }", "2 public functions and none is @main")
        stablehlo = "stablehlo-opt --stablehlo-legalize-to-linalg "
        for text in ("  %0 = stablehlo.add %a, %a : tensor<2xf32>",
                     '  %0 = "stablehlo.add"(%a, %a) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>'):
            refused("func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {\n" + text + "\n  return %0 : tensor<2xf32>\n}",
                    ("twice.mlir\":2:", "'stablehlo.add' is of the dialect stablehlo, and Weft takes linalg on tensors",
                     stablehlo))
        refused("func.func @main() {\n  other.nonsense\n  return\n}", ("twice.mlir\":2:", "'other.nonsense' is of the "
                                                                      "dialect other", "lower it to them first"))
        refused('func.func @main() -> tensor<2xf32> {\n  %w = xf.param "w" : tensor<2xf32>\n  return %w : tensor<2xf32>\n}',
                'xf.param "w" names a weight')
        program = "func.func @main(%a: tensor<2xf32>,\n  %b: TYPE) -> tensor<2xf32> {\n  return %a : tensor<2xf32>\n}"
        where = 'twice.mlir":2:3: argument 1 of @main, '
        for kind, says in (("tensor<?xf32>", "has no fixed shape"), ("tensor<*xf32>", "has no fixed shape"),
                           ("memref<2xf32>", "is memory"), ("f32", "is no tensor"),
                           ("tensor<2xcomplex<f32>>", "has elements that no core holds")):
            refused(program.replace("TYPE", kind), where + f"{kind}, {says}")
        refused(program.replace("TYPE", "!torch.vtensor<[2],f32>"),
                ('twice.mlir":2:', "'torch.vtensor<[2],f32>' is of the dialect torch", "torch-mlir-opt"))
        refused("func.func @main() -> index {\n  %0 = arith.constant 1 : index\n  return %0 : index\n}",
                'twice.mlir":1:1: result 0 of @main, index, is no tensor')
        refused("", f"error: {self.program}: the file is empty")
        for name in ("code.mlir", "code.bc"):
            (self.folder / name).write_bytes(b"ML\xefR\x01MLIR19.1.7\0")
            self.refused("compile", self.folder / name, says="it is MLIR's bytecode, and Weft takes its text")


if __name__ == "__main__":
    main()
