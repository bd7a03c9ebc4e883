# Finds the C++ part of a PyTorch wheel and makes the target LibTorch::LibTorch.
#
# The wheel's own TorchConfig.cmake fails without a CUDA toolkit, although a CPU build needs only torch_cpu and c10. The
# wheel is searched for in LIBTORCH_ROOT (CMake or environment variable), then in .deps/torch of the checkout, then in
# the Python on the PATH. With MONGE_CUDA the CUDA libraries of the same wheel are linked as well.

if(NOT LIBTORCH_ROOT AND DEFINED ENV{LIBTORCH_ROOT})
  set(LIBTORCH_ROOT $ENV{LIBTORCH_ROOT})
endif()
if(NOT LIBTORCH_ROOT AND EXISTS "${CMAKE_SOURCE_DIR}/.deps/torch/torch/lib/libtorch_cpu.so")
  set(LIBTORCH_ROOT "${CMAKE_SOURCE_DIR}/.deps/torch/torch")
endif()
if(NOT LIBTORCH_ROOT)
  execute_process(COMMAND python3 -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))"
    OUTPUT_VARIABLE LIBTORCH_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()

# A build folder that was configured with another wheel: its headers and libraries must not be mixed with this one's.
if(LibTorch_INCLUDE_DIR AND NOT LibTorch_INCLUDE_DIR STREQUAL "${LIBTORCH_ROOT}/include/torch/csrc/api/include")
  foreach(found INCLUDE_DIR CPU_LIBRARY C10_LIBRARY OMP_LIBRARY CUDA_LIBRARY C10_CUDA_LIBRARY NCCL_INCLUDE_DIR NCCL_LIBRARY)
    unset(LibTorch_${found} CACHE)
  endforeach()
endif()

find_path(LibTorch_INCLUDE_DIR torch/types.h PATHS "${LIBTORCH_ROOT}/include/torch/csrc/api/include" NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH)
# at::parallel_for is a header. It runs on threads only in files that are compiled with OpenMP, and these must share the
# wheel's own pool of threads.
find_file(LibTorch_OMP_LIBRARY libgomp.so.1 PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH)
set(LibTorch_LIBRARIES ${LibTorch_CPU_LIBRARY} ${LibTorch_C10_LIBRARY} ${LibTorch_OMP_LIBRARY})

if(MONGE_CUDA)
  find_package(CUDAToolkit REQUIRED)
  find_library(LibTorch_CUDA_LIBRARY torch_cuda PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH REQUIRED)
  find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH REQUIRED)
  # The NCCL of LibTorch, from the wheel nvidia-nccl beside it, so that a process loads only one.
  find_path(LibTorch_NCCL_INCLUDE_DIR nccl.h PATHS "${LIBTORCH_ROOT}/../nvidia/nccl/include" ${CUDAToolkit_INCLUDE_DIRS} REQUIRED)
  find_library(LibTorch_NCCL_LIBRARY NAMES libnccl.so.2 nccl PATHS "${LIBTORCH_ROOT}/../nvidia/nccl/lib" ${CUDAToolkit_LIBRARY_DIR} REQUIRED)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_OMP_LIBRARY
  REASON_FAILURE_MESSAGE "run script/bootstrap, or set LIBTORCH_ROOT to the folder 'torch' of an installed wheel")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LIBTORCH_ROOT}/include"
    INTERFACE_COMPILE_DEFINITIONS "_GLIBCXX_USE_CXX11_ABI=1"
    INTERFACE_LINK_LIBRARIES "${LibTorch_LIBRARIES}"
    # The wheel's libraries need others (CUDA runtime, OpenMP) that the loader finds beside them. A module of Python has
    # symbols of its own that only its interpreter resolves.
    INTERFACE_LINK_OPTIONS
    "$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:LINKER:--unresolved-symbols=ignore-in-shared-libs>")
  if(MONGE_CUDA)
    set_property(TARGET LibTorch::LibTorch APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS MONGE_CUDA=1)
    set_property(TARGET LibTorch::LibTorch APPEND PROPERTY INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_NCCL_INCLUDE_DIR}")
    # No symbol refers to torch_cuda, which registers its kernels when it is loaded; so the linker must not drop it.
    set_property(TARGET LibTorch::LibTorch APPEND PROPERTY INTERFACE_LINK_LIBRARIES
      "$<LINK_LIBRARY:MONGE_KEEP,${LibTorch_CUDA_LIBRARY}>" ${LibTorch_C10_CUDA_LIBRARY} ${LibTorch_NCCL_LIBRARY} CUDA::cudart)
  endif()
endif()
set(CMAKE_CXX_LINK_LIBRARY_USING_MONGE_KEEP
  "LINKER:--push-state,--no-as-needed" "<LIB_ITEM>" "LINKER:--pop-state")
set(CMAKE_CXX_LINK_LIBRARY_USING_MONGE_KEEP_SUPPORTED TRUE)
