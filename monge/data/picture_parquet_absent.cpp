// Takes the place of picture_parquet.cpp in builds without MONGE_PARQUET.
#include "monge/core/error.h"
#include "monge/data/picture_kinds.h"

namespace monge::data {

std::shared_ptr<const Pictures> open_picture_parquet(const ParquetPath& path, const LogSink&, int64_t) {
  parquet_files(path);  // a misspelt path is the nearer fault
  throw Error(Complaint{
      .what = "this build reads no Parquet",
      .where = path.whole,
      .fix = "build with MONGE_PARQUET=1 script/bootstrap && MONGE_PARQUET=1 script/build, or write its pictures into a folder by Python "
             "(pip install pyarrow), with your FILE, column and OUT:\n"
             "  python3 -c \"import os, pyarrow.parquet as p; os.makedirs('OUT', exist_ok=True); [open(f'OUT/{i:07}.jpg', "
             "'wb').write(x['bytes'] if isinstance(x, dict) else x) for i, x in enumerate(x for b in p.ParquetFile('FILE')"
             ".iter_batches(64, columns=['image']) for x in b.column(0).to_pylist()) if x]\""});
}

}  // namespace monge::data
