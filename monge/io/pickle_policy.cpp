#include "monge/io/pickle_policy.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <unordered_set>
#include <vector>

namespace monge::io {
namespace {

using Names = std::unordered_set<std::string_view>;

Names words(std::string_view list) {
  Names out;
  while (!list.empty()) {
    const auto end = std::min(list.find(' '), list.size());
    if (end > 0) out.insert(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

/// The modules of Python's standard library: sys.stdlib_module_names of 3.11 and the modules that only Python 2 had.
const Names& standard_modules() {
  static const Names names = words(
      "BaseHTTPServer Bastion CGIHTTPServer ConfigParser Cookie DocXMLRPCServer HTMLParser MimeWriter Queue "
      "SimpleHTTPServer SimpleXMLRPCServer SocketServer StringIO Tkinter UserDict UserList UserString __builtin__ "
      "__future__ _abc _aix_support _ast _asyncio _bisect _blake2 _bootsubprocess _bz2 _codecs _codecs_cn _codecs_hk "
      "_codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _collections _collections_abc _compat_pickle _compression "
      "_contextvars _crypt _csv _ctypes _curses _curses_panel _datetime _dbm _decimal _elementtree _frozen_importlib "
      "_frozen_importlib_external _functools _gdbm _hashlib _heapq _imp _io _json _locale _lsprof _lzma _markupbase "
      "_md5 _msi _multibytecodec _multiprocessing _opcode _operator _osx_support _overlapped _pickle _posixshmem "
      "_posixsubprocess _py_abc _pydecimal _pyio _queue _random _scproxy _sha1 _sha256 _sha3 _sha512 _signal "
      "_sitebuiltins _socket _sqlite3 _sre _ssl _stat _statistics _string _strptime _struct _symtable _thread "
      "_threading_local _tkinter _tokenize _tracemalloc _typing _uuid _warnings _weakref _weakrefset _winapi _zoneinfo "
      "abc aifc annotationlib antigravity anydbm argparse array ast asynchat asyncio asyncore atexit audioop base64 "
      "bdb binascii bisect bsddb builtins bz2 cPickle cProfile cStringIO calendar cgi cgitb chunk cmath cmd code "
      "codecs codeop collections colorsys commands compileall compiler concurrent configparser contextlib contextvars "
      "cookielib copy copy_reg copyreg crypt csv ctypes curses dataclasses datetime dbhash dbm decimal difflib dis "
      "distutils dl doctest dumbdbm dummy_thread dummy_threading email encodings ensurepip enum errno exceptions "
      "faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext "
      "glob graphlib grp gzip hashlib heapq hmac hotshot html http httplib idlelib ihooks imaplib imghdr imp importlib "
      "imputil inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap "
      "marshal math md5 mimetools mimetypes mmap modulefinder msilib msvcrt multifile multiprocessing netrc new nis "
      "nntplib nt ntpath nturl2path numbers opcode operator optparse os os2emxpath ossaudiodev pathlib pdb pickle "
      "pickletools pipes pkgutil platform plistlib popen2 poplib posix posixfile posixpath pprint profile pstats pty "
      "pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline repr reprlib resource rexec "
      "rfc822 rlcompleter robotparser runpy sched secrets select selectors sets sha shelve shlex shutil signal site "
      "smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics "
      "statvfs string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib "
      "tempfile termios textwrap this thread threading time timeit tkinter token tokenize tomllib trace traceback "
      "tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib urllib2 urlparse user uu uuid venv "
      "warnings wave weakref webbrowser whichdb winreg winsound wsgiref xdrlib xml xmlrpc xmlrpclib zipapp zipfile "
      "zipimport zlib zoneinfo ");
  return names;
}

/// Packages that load pickles, run programs or use the network, and have no class that a checkpoint needs.
const Names& refused_packages() {
  static const Names names = words(
      "IPython aiohttp caffe2 cloudpickle conda dill fabric gevent httpx invoke joblib jsonpickle nose numpy paramiko "
      "pexpect pip pkg_resources plumbum psutil pytest requests setuptools sh torch urllib3 virtualenv wheel yaml");
  return names;
}

/// Modules that code reaches through other modules: "mylib.os.system".
const Names& refused_inner_modules() {
  static const Names names = words(
      "os posix nt sys subprocess commands builtins __builtin__ __builtins__ importlib pickle _pickle cPickle marshal "
      "ctypes socket shutil pty runpy");
  return names;
}

/// Attributes that run code, or lead from any object to one that does.
const Names& refused_attributes() {
  static const Names names = words(
      "__import__ import_module eval exec execfile system popen popen2 popen3 spawn check_output check_call getoutput "
      "getstatusoutput getattr setattr delattr globals locals vars attrgetter methodcaller __globals__ __builtins__ "
      "__subclasses__ __getattribute__ __getattr__ __code__ __closure__ __reduce__ __reduce_ex__ loads unsafe_load "
      "read_pickle runstring");
  return names;
}

/// Classes of the standard library, numpy and torch whose instances are data.
const Names& data_names() {
  static const Names names = words(
      "argparse.Namespace collections.ChainMap collections.UserDict collections.UserList collections.UserString "
      "types.SimpleNamespace types.MappingProxyType functools.partial logging.Logger logging.RootLogger "
      "logging.getLogger random.Random re.compile re._compile sre.compile optparse.Values ipaddress.IPv4Address "
      "weakref.ref torch.Tensor torch.Generator torch.strided torch.sparse_coo torch.contiguous_format "
      "torch.preserve_format torch.channels_last torch.channels_last_3d torch.torch_version.TorchVersion "
      "torch.serialization._get_layout torch.finfo torch.iinfo numpy.random._pickle.__randomstate_ctor "
      "numpy.random._pickle.__generator_ctor numpy.random._pickle.__bit_generator_ctor");
  return names;
}

/// Modules in which every name is such a class.
constexpr std::array<std::string_view, 17> kDataModules = {"datetime.",     "decimal.",        "enum.",
                                                           "fractions.",    "pathlib.",        "pathlib._local.",
                                                           "typing.",       "uuid.",           "zoneinfo.",
                                                           "torch.nn.",     "torch.optim.",    "torch.distributions.",
                                                           "torch.amp.",    "torch.cuda.amp.", "torch.utils.data.",
                                                           "numpy.dtypes.", "numpy.random."};

/// Built-in types, which a pickle names as the factory of a defaultdict, as a base class, or to make a value.
const Names& built_in_types() {
  static const Names names = words(
      "object type int long float bool complex str unicode bytes bytearray list tuple dict set frozenset slice range "
      "xrange NoneType Ellipsis NotImplementedType ellipsis");
  return names;
}

const Names& numpy_names() {
  static const Names names = words(
      "ndarray dtype scalar _reconstruct _frombuffer matrix recarray record MaskedArray _mareconstruct bool_ bool int8 "
      "int16 int32 int64 uint8 uint16 uint32 uint64 intc intp uintc uintp longlong ulonglong float16 float32 float64 "
      "float128 longdouble complex64 complex128 clongdouble str_ bytes_ unicode_ string_ void object_ datetime64 "
      "timedelta64 generic number floating integer");
  return names;
}

bool is_data(std::string_view name) {
  for (const auto module : kDataModules) {
    if (name.starts_with(module)) return true;
  }
  const auto dot = name.rfind('.');
  const auto module = name.substr(0, dot), attribute = name.substr(dot + 1);
  if (module == "builtins" || module == "__builtin__") return built_in_types().contains(attribute);
  for (const std::string_view inner : {"numpy", "numpy.core", "numpy._core", "numpy.ma", "numpy.matrixlib"}) {
    if (module == inner || (module.starts_with(inner) && module[inner.size()] == '.' && inner != "numpy")) {
      return numpy_names().contains(attribute);
    }
  }
  return false;
}

}  // namespace

NameKind kind_of_name(std::string_view name) {
  if (data_names().contains(name)) return NameKind::data;
  std::vector<std::string_view> parts;
  for (auto rest = name;;) {
    const auto dot = rest.find('.');
    parts.push_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  const auto any_of = [&](const Names& names, size_t from) {
    return std::any_of(parts.begin() + static_cast<ptrdiff_t>(from), parts.end(),
                       [&](const auto& part) { return part.empty() || names.contains(part); });
  };
  if (parts.size() < 2 || any_of(refused_attributes(), 1) || any_of(refused_inner_modules(), 1)) {
    return NameKind::refused;
  }
  if (is_data(name)) return NameKind::data;
  if (parts[0].empty() || standard_modules().contains(parts[0]) || refused_packages().contains(parts[0])) {
    return NameKind::refused;
  }
  return NameKind::foreign;
}

}  // namespace monge::io
