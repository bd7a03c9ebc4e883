# Finds the C++ libraries of Arrow and Parquet and makes the target MongeArrow::Parquet.
#
# They are searched for in MONGE_ARROW_ROOT (CMake or environment variable: the folder `pyarrow` of an installed wheel,
# which holds headers and libraries), then in .deps/arrow of the checkout, then as CMake packages, then in the Python on
# the PATH.

if(NOT MONGE_ARROW_ROOT AND DEFINED ENV{MONGE_ARROW_ROOT})
  set(MONGE_ARROW_ROOT $ENV{MONGE_ARROW_ROOT})
endif()
if(NOT MONGE_ARROW_ROOT AND EXISTS "${CMAKE_SOURCE_DIR}/.deps/arrow/pyarrow/include/parquet/file_reader.h")
  set(MONGE_ARROW_ROOT "${CMAKE_SOURCE_DIR}/.deps/arrow/pyarrow")
endif()
if(NOT MONGE_ARROW_ROOT)
  find_package(Arrow CONFIG QUIET)
  find_package(Parquet CONFIG QUIET)
  if(NOT TARGET Parquet::parquet_shared)
    execute_process(COMMAND python3 -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('pyarrow').origin))"
      OUTPUT_VARIABLE MONGE_ARROW_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()

if(TARGET Parquet::parquet_shared AND NOT MONGE_ARROW_ROOT)
  set(MongeArrow_LIBRARIES Parquet::parquet_shared Arrow::arrow_shared)
  find_path(MongeArrow_INCLUDE_DIR parquet/file_reader.h HINTS "${Parquet_DIR}/../../../include" "${Arrow_DIR}/../../../include")
  set(MongeArrow_LIBRARY_DIR "")
else()
  set(MongeArrow_LIBRARY_DIR "${MONGE_ARROW_ROOT}")
  find_path(MongeArrow_INCLUDE_DIR parquet/file_reader.h PATHS "${MONGE_ARROW_ROOT}/include" NO_DEFAULT_PATH)
  # The wheel names its libraries by version alone: libarrow.so.2600.
  foreach(name arrow parquet)
    file(GLOB found "${MONGE_ARROW_ROOT}/lib${name}.so.[0-9]*")
    if(found)
      list(GET found 0 found)
      list(APPEND MongeArrow_LIBRARIES "${found}")
    endif()
  endforeach()
  list(LENGTH MongeArrow_LIBRARIES count)
  if(NOT count EQUAL 2)
    set(MongeArrow_LIBRARIES "")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MongeArrow
  REQUIRED_VARS MongeArrow_INCLUDE_DIR MongeArrow_LIBRARIES
  REASON_FAILURE_MESSAGE "run MONGE_PARQUET=1 script/bootstrap, or set MONGE_ARROW_ROOT to the folder 'pyarrow' of an installed wheel")

if(MongeArrow_FOUND AND NOT TARGET MongeArrow::Parquet)
  add_library(MongeArrow::Parquet INTERFACE IMPORTED)
  set_target_properties(MongeArrow::Parquet PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${MongeArrow_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${MongeArrow_LIBRARIES}")
endif()
