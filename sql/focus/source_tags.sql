-- The distinct sets of tags among the normalised rows, each with one of its rows' tags.
SELECT x_TagSet AS tag_set, ANY_VALUE(Tags) AS Tags
FROM normalised
GROUP BY x_TagSet
