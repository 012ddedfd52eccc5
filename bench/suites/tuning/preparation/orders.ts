/** Generated orders of a shop, five million of them, with the dirt of real exports. */
import { withDatabase, literal } from '../../../../data/database.ts';

export const departments = Array.from({ length: 30 }, (_, i) => `DEPARTMENT ${i + 1}`);

/**
 * Writes CSV of `rows` orders and half a percent of them once more, in an order that a hash of their number gives. Times
 * are ISO 8601, day/month/year in one of twelve and seconds since 1970 in one of fifty; of numbers, one in two thousand
 * is a text and one in ten thousand infinite; a quantity below 1, a price beyond all others and a department that is none are
 * one in a thousand each.
 */
export async function writeOrders(path: string, rows: number): Promise<void> {
  const known = departments.map(literal).join(', ');
  await withDatabase({ memoryLimit: '4GiB' }, async (database) => {
    await database.run(`COPY (
      SELECT 'o' || i AS order_id,
        'c' || (h1 % 200000) AS customer,
        CASE WHEN h2 % 50 = 0 THEN NULL WHEN h2 % 1000 = 1 THEN 'UNKNOWN' ELSE [${known}][1 + (h3 % 30)] END AS department,
        ['web', 'app', 'shop', 'phone'][1 + (h4 % 4)] AS channel,
        CASE WHEN h5 % 2000 = 0 THEN 'n/a' WHEN h5 % 1000 = 1 THEN '-1' ELSE CAST(1 + h5 % 9 AS VARCHAR) END AS quantity,
        CASE WHEN h6 % 10000 = 0 THEN 'inf' WHEN h6 % 1000 = 1 THEN '99999.99'
          ELSE CAST(round(((h6 % 100003) / 100003.0) ** 3 * 500, 2) AS VARCHAR) END AS price,
        CASE WHEN h7 % 20 = 0 THEN NULL ELSE CAST(round((h7 % 30011) / 1000.0, 3) AS VARCHAR) END AS weight,
        CASE WHEN h8 % 50 = 0 THEN CAST(second AS VARCHAR)
          WHEN h8 % 12 = 1 THEN strftime(make_timestamp(second * 1000000), '%d/%m/%Y %H:%M:%S')
          ELSE strftime(make_timestamp(second * 1000000), '%Y-%m-%d %H:%M:%S') END AS ordered_at,
        concat_ws(' ', ['red', 'blue', 'green', 'white', 'black', 'small', 'large'][1 + (h9 % 7)],
          ['cotton', 'wool', 'steel', 'oak', 'glass'][1 + (h10 % 5)],
          ['shirt', 'pan', 'chair', 'lamp', 'bag', 'knife', 'table', 'vase'][1 + (h11 % 8)], 'no.', h12 % 5000) AS title,
        h13 % 10 < 3 AS returned
      FROM (SELECT i, ${Array.from({ length: 13 }, (_, k) => `${hashed('i', k + 1)} AS h${k + 1}`).join(', ')},
              1483228800 + ${hashed('i', 14)} % 31536000 AS second
            FROM (SELECT range AS i, 0 AS again FROM range(${rows})
                  UNION ALL SELECT range * 200 AS i, 1 AS again FROM range(${Math.floor(rows / 200)})))
      ORDER BY ${hashed('i', 15)}, i
    ) TO ${literal(path)} (FORMAT csv, HEADER)`);
  });
}

function hashed(x: string, salt: number): string {
  return `CAST(hash(${x}, ${salt}) // 8589934592 AS BIGINT)`;
}
