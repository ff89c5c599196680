# Installs what a file of the repository asks for. R itself only warns where a package did not install; this fails.
# Usage: Rscript r_packages.R script FILE [TOOL]... | dependencies FILE | package FILE | lock FILE [NAME=URL]... | need NAME

options(warn = 1, keep.source = TRUE, Ncpus = max(1L, parallel::detectCores(), na.rm = TRUE))
Sys.setenv(R_REMOTES_NO_ERRORS_FROM_WARNINGS = "false")

r2i <- new.env()
r2i$install <- utils::install.packages
r2i$mirrors <- "^https?://([^/]*[.])?(cran[.][^/]*|cloud[.]r-project[.]org|mran[.]|[^/]*/([^/]*/)*CRAN/?$)"

r2i$say <- function(...) message("r2i: ", ...)

r2i$fail <- function(file, line, command) {
    command <- strsplit(paste(command, collapse = " "), "\n")[[1]][1]
    r2i$say("`", file, "` failed with status 1 in line ", line, ": ", command)
    quit("no", 1)
}

r2i$missing <- function(packages, library = NULL) {
    there <- vapply(packages, function(one) system.file(package = one, lib.loc = c(library, .libPaths())), "")
    packages[!nzchar(there)]
}

r2i$check <- function(packages, library = NULL) {
    missing <- r2i$missing(unique(packages), library)
    for (one in missing) r2i$say("the R package `", one, "` did not install")
    if (length(missing)) {
        words <- paste0("the R package `", missing[1], "` did not install")
        stop(structure(class = c("r2i", "error", "condition"), list(message = words, call = NULL, package = missing[1])))
    }
}

# Names of packages, also of archives and addresses; a directory does not tell what it holds.
r2i$named <- function(packages) {
    archives <- grepl("_[0-9][^/]*$", packages)
    packages[archives] <- sub("_[0-9][^/]*$", "", basename(packages[archives]))
    packages[!grepl("/", packages, fixed = TRUE)]
}

# A script has to name a mirror of CRAN for `Rscript`: the snapshot is one.
r2i$snapshot <- function(repos) {
    repos[grepl(r2i$mirrors, repos)] <- r2i$cran
    repos
}

r2i$install_packages <- function(pkgs, lib, repos = getOption("repos"), ...) {
    repos <- if (is.null(repos)) NULL else r2i$snapshot(repos)
    if (missing(lib)) {
        r2i$install(pkgs, repos = repos, ...)
        lib <- NULL
    } else {
        r2i$install(pkgs, lib, repos = repos, ...)
    }
    r2i$check(r2i$named(pkgs), lib)
}

# For scripts and for packages that are loaded later.
r2i$replace <- function(name, value) {
    for (place in list(asNamespace("utils"), as.environment("package:utils"))) {
        unlockBinding(name, place)
        assign(name, value, place)
        lockBinding(name, place)
    }
}

# The server has a snapshot of a day only when that day is over.
r2i$settle <- function() {
    asked <- getOption("repos")[["CRAN"]]
    day <- as.Date(sub(".*/", "", asked), optional = TRUE)
    for (back in if (is.na(day)) 0 else 0:3) {
        url <- if (back) sub("[^/]*$", format(day - back), asked) else asked
        there <- tryCatch(
            suppressWarnings(nrow(utils::available.packages(utils::contrib.url(url), filters = list())) > 0),
            error = function(e) FALSE
        )
        if (there) break
    }
    if (!there) url <- asked
    if (url != asked) r2i$say("no snapshot of CRAN of ", day, " yet: that of ", day - back, " is used")
    repos <- getOption("repos")
    repos[["CRAN"]] <- r2i$cran <- url
    options(repos = repos)
}

r2i$biocLite <- function(pkgs = character(), ...) {
    BiocManager::install(pkgs, update = FALSE, ask = FALSE)
}

r2i$source <- function(file, ...) {
    if (is.character(file) && grepl("^https?://(www[.])?bioconductor[.]org/biocLite[.]R$", file)) {
        r2i$say("`BiocManager::install` stands for `biocLite`, which Bioconductor no longer has")
        return(invisible())
    }
    base::source(file, ...)
}

# The line of the script in which the innermost of the calls stands.
r2i$line <- function(calls, file, line) {
    for (call in rev(calls)) {
        reference <- attr(call, "srcref")
        if (!is.null(reference) && identical(attr(reference, "srcfile")$filename, file)) return(reference[1])
    }
    line
}

r2i$line_with <- function(package, file, from, to) {
    lines <- readLines(file, warn = FALSE)
    if (is.null(package)) return(from)
    pattern <- paste0("[\"'/]", gsub(".", "[.]", package, fixed = TRUE), "[\"'@]")
    found <- grep(pattern, lines, useBytes = TRUE)
    inside <- found[found >= from & found <= to]
    c(inside, found, from)[1]
}

# Unless the distribution or conda has it.
r2i$need <- function(packages) {
    missing <- r2i$missing(packages)
    if (length(missing)) r2i$install(missing)
    r2i$check(packages)
}

r2i$script <- function(file, ...) {
    r2i$need(as.character(c(...)))
    r2i$replace("install.packages", r2i$install_packages)
    attach(list(source = r2i$source, biocLite = r2i$biocLite), name = "r2i", warn.conflicts = FALSE)
    expressions <- tryCatch(parse(file, keep.source = TRUE, encoding = "UTF-8"), error = function(e) {
        message(conditionMessage(e))
        line <- regmatches(conditionMessage(e), regexpr("(?<=:)[0-9]+(?=:)", conditionMessage(e), perl = TRUE))
        r2i$fail(file, c(line, "1")[1], "it is not valid R code")
    })
    references <- attr(expressions, "srcref")
    for (number in seq_along(expressions)) {
        reference <- references[[number]]
        line <- reference[1]
        tryCatch(
            withCallingHandlers(
                {
                    result <- withVisible(eval(expressions[[number]], globalenv()))
                    if (result$visible) print(result$value)
                },
                error = function(e) line <<- r2i$line(sys.calls(), file, line)
            ),
            error = function(e) {
                if (!inherits(e, "r2i")) message("Error: ", conditionMessage(e))
                line <- r2i$line_with(e$package, file, line, max(line, reference[3]))
                r2i$fail(file, line, as.character(reference)[1])
            }
        )
    }
}

r2i$dependencies <- function(file) {
    r2i$need("remotes")
    remotes::install_deps(dirname(file), dependencies = NA, upgrade = "never")
    fields <- read.dcf(file, c("Depends", "Imports", "LinkingTo"))
    packages <- trimws(sub("[(].*", "", unlist(strsplit(fields[!is.na(fields)], ","))))
    r2i$check(setdiff(packages[nzchar(packages)], "R"))
}

r2i$package <- function(file) {
    remotes::install_local(dirname(file), dependencies = NA, upgrade = "never", force = TRUE)
    r2i$check(read.dcf(file, "Package")[[1]])
}

r2i$lock <- function(file, ...) {
    r2i$need("renv")
    named <- strsplit(as.character(c(...)), "=", fixed = TRUE)
    more <- vapply(named, function(pair) pair[2], "")
    names(more) <- vapply(named, function(pair) pair[1], "")
    # What is installed has to stay: a cache of renv would hold it, and the library only links into it.
    options(renv.consent = TRUE, renv.config.cache.enabled = FALSE, renv.config.ppm.enabled = FALSE)
    repos <- c(CRAN = r2i$cran, more)
    options(renv.config.repos.override = repos)
    restored <- list(project = getwd(), lockfile = file, library = .libPaths()[1], prompt = FALSE)
    do.call(renv::restore, c(restored, list(repos = repos)))
}

local({
    arguments <- commandArgs(TRUE)
    r2i$settle()
    do.call(r2i[[arguments[1]]], as.list(arguments[-1]))
})
