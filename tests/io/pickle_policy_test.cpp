#include "monge/io/pickle_policy.h"

#include <gtest/gtest.h>

namespace monge::io {
namespace {

TEST(PicklePolicy, TakesClassesWhoseInstancesAreData) {
  for (const char* name : {"argparse.Namespace",
                           "types.SimpleNamespace",
                           "datetime.datetime",
                           "pathlib.PosixPath",
                           "enum.Enum",
                           "uuid.UUID",
                           "functools.partial",
                           "builtins.int",
                           "__builtin__.list",
                           "typing.Any",
                           "numpy.dtype",
                           "numpy.ndarray",
                           "numpy.core.multiarray._reconstruct",
                           "numpy._core.multiarray.scalar",
                           "numpy.float64",
                           "numpy.dtypes.Float64DType",
                           "numpy.random._pickle.__generator_ctor",
                           "numpy.random._mt19937.MT19937",
                           "torch.nn.modules.conv.Conv2d",
                           "torch.optim.lr_scheduler.MultiStepLR",
                           "torch.torch_version.TorchVersion"}) {
    EXPECT_EQ(kind_of_name(name), NameKind::data) << name;
  }
}

TEST(PicklePolicy, PassesOverClassesOfOtherPackages) {
  for (const char* name :
       {"mylib.Config", "__main__.UNet", "omegaconf.dictconfig.DictConfig", "easydict.EasyDict",
        "pytorch_lightning.utilities.parsing.AttributeDict", "mylib.types.Config", "mylib.code.Options"}) {
    EXPECT_EQ(kind_of_name(name), NameKind::foreign) << name;
  }
}

// Names that hostile files use (the list of picklescan and reports of attacks), by every way round.
TEST(PicklePolicy, RefusesWhatRunsCode) {
  for (const char* name : {"os.system",
                           "posix.system",
                           "nt.system",
                           "os.popen",
                           "subprocess.Popen",
                           "subprocess.check_output",
                           "builtins.eval",
                           "builtins.exec",
                           "builtins.getattr",
                           "builtins.open",
                           "builtins.__import__",
                           "__builtin__.eval",
                           "__builtin__.compile",
                           "__builtin__.apply",
                           "sys.exit",
                           "runpy.run_path",
                           "importlib.import_module",
                           "pickle.loads",
                           "_pickle.loads",
                           "marshal.loads",
                           "operator.attrgetter",
                           "functools.reduce",
                           "ctypes.CDLL",
                           "socket.socket",
                           "shutil.rmtree",
                           "webbrowser.open",
                           "pty.spawn",
                           "code.InteractiveInterpreter",
                           "timeit.timeit",
                           "pdb.run",
                           "types.CodeType",
                           "types.FunctionType",
                           "commands.getoutput",
                           "torch.load",
                           "torch.hub.load",
                           "torch.jit.load",
                           "torch.storage._load_from_bytes",
                           "torch._inductor.codecache.compile_file",
                           "numpy.load",
                           "numpy.testing._private.utils.runstring",
                           "numpy.f2py.crackfortran.param_eval",
                           "pip._internal.main",
                           "requests.api.get",
                           "dill._dill._create_code",
                           "cloudpickle.cloudpickle.loads",
                           "mylib.os.system",
                           "mylib.sys.modules",
                           "mylib.util.exec",
                           "mylib.tools.system",
                           "mylib.Config.__init__.__globals__",
                           "torch.nn.modules.module.os.system",
                           "pathlib.os.system",
                           "collections.abc.sys.modules",
                           "argparse._sys.exit",
                           "a..b",
                           ".torch",
                           "torch.",
                           "torch",
                           "",
                           "."}) {
    EXPECT_EQ(kind_of_name(name), NameKind::refused) << name;
  }
}

}  // namespace
}  // namespace monge::io
