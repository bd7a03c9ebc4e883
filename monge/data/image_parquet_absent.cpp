// Replaces image_parquet.cpp and parquet_table.cpp in builds without MONGE_PARQUET.
#include "monge/core/error.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/parquet_table.h"

namespace monge::data {
namespace {

[[noreturn]] void refuse(const ParquetPath& path) {
  parquet_files(path);  // a misspelt path is reported first
  throw InputError(
      {.what = "this build cannot read Parquet",
       .where = path.whole,
       .fix =
           "build with MONGE_PARQUET=1 script/bootstrap && MONGE_PARQUET=1 script/build, or convert the file with "
           "Python (pip install pandas pyarrow), with your FILE, column and OUT. A table of numbers:\n"
           "  python3 -c \"import numpy, pandas; numpy.save('OUT.npy', pandas.read_parquet('FILE').to_numpy(float))\"\n"
           "Images, into a folder:\n"
           "  python3 -c \"import os, pyarrow.parquet as p; os.makedirs('OUT', exist_ok=True); "
           "[open(f'OUT/{i:07}.jpg', "
           "'wb').write(x['bytes'] if isinstance(x, dict) else x) for i, x in enumerate(x for b in "
           "p.ParquetFile('FILE')"
           ".iter_batches(64, columns=['image']) for x in b.column(0).to_pylist()) if x]\""});
}

}  // namespace

bool holds_parquet_table(const ParquetPath& path) { return path.names_table(); }

io::Table read_parquet_table(const ParquetPath& path, io::TextTableOptions::Missing) { refuse(path); }

std::shared_ptr<const ImageCollection> open_image_parquet(const ParquetPath& path, const LogSink&, int64_t) {
  refuse(path);
}

}  // namespace monge::data
